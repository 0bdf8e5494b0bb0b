import type { IncomingMessage } from 'node:http'
import { answerPlainly } from '../src/http/plain-answer.ts'
import { originForm } from '../src/origin/upstream/relay-request.ts'
import type { Step } from './step.ts'

type Refusal = readonly [status: number, explanation: string]

/**
 * Refuses what Node's parser lets pass and another server might take for something else (RFC 9112 2.3, 3.2, 6.1), and
 * closes the connection: nobody knows what the bytes behind it are. The absolute form of a target becomes the usual one,
 * so that the same request is the same however it is spelt.
 */
export const checkRequest: Step = function checkRequest({ incoming, outgoing }) {
  const refusal = refusalOf(incoming)
  if (refusal !== undefined) {
    answerPlainly(outgoing, ...refusal, { Connection: 'close' })
    return true
  }
  const { headers } = incoming
  // We never switch protocols. What came together with such a request Node's parser has dropped, perhaps but half of it;
  // and of "keep-alive, close" it heeds the wrong one.
  if (headers.upgrade !== undefined || lists(headers.connection, 'close')) outgoing.shouldKeepAlive = false
  const [, authority] = /^https?:\/\/([^/?]*)/i.exec(incoming.url ?? '') ?? []
  if (authority !== undefined) {
    // The Host field says nothing then (3.2.2).
    headers.host = authority
    incoming.url = originForm(incoming.url ?? '')
  }
  return false
}

function refusalOf(incoming: IncomingMessage): Refusal | undefined {
  const { httpVersion, headers, rawHeaders, url = '' } = incoming
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return [505, 'Only HTTP/1.1 and HTTP/1.0 are spoken here.']
  const coding = headers['transfer-encoding']
  if (coding !== undefined) {
    if (httpVersion === '1.0') return [400, 'HTTP/1.0 has no Transfer-Encoding.']
    if (coding.toLowerCase() !== 'chunked') return [501, 'No other Transfer-Encoding than chunked is understood here.']
  }
  if (Number(headers['content-length'] ?? 0) > Number.MAX_SAFE_INTEGER) return [413, 'No body can be as long as that.']
  const hosts = countHosts(rawHeaders)
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) return [400, 'A request has one Host field.']
  if (url.includes('#')) return [400, 'A fragment is no part of a request.']
  const { expect } = headers
  if (expect !== undefined && httpVersion === '1.1' && expect.toLowerCase() !== '100-continue') {
    return [417, 'No other expectation than 100-continue can be met.']
  }
  return undefined
}

/** Node keeps the first of them only. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1
  }
  return count
}

const lists = (field: string | undefined, option: string): boolean =>
  field?.split(',').some((each) => each.trim().toLowerCase() === option) ?? false
