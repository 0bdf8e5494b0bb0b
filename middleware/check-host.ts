import { answerPlainly } from '../src/http/plain-answer.ts'
import type { Step } from './step.ts'

/** What nearly every Host field is; any other one takes a parser. */
const plain = /^[a-z0-9._-]+(?::\d{1,4})?$/i

/** Refuses a request whose Host field names no host, or that has none (RFC 9112 3.2): a server must. */
export const checkHost = (): Step =>
  function checkHost({ incoming, outgoing }) {
    const { host } = incoming.headers
    if (host !== undefined && (plain.test(host) || isHost(host))) return false
    answerPlainly(outgoing, 400, 'The Host field of the request names no host.')
    return true
  }

function isHost(host: string): boolean {
  const url = URL.parse(`http://${host}/`)
  // The parser would take a path or a name before an @ as well.
  return url !== null && url.hostname === host.replace(/:\d*$/, '').toLowerCase()
}
