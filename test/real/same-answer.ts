import { deepEqual } from 'node:assert/strict'
import { type Answer, type Ask, ask } from './ask.ts'
import { stack } from './stack.ts'

/** Of one exchange alone, or of the way it went. `Cache-Status` and `Accept-Ranges` are what we add to a download. */
const ofTheExchange = ['date', 'connection', 'keep-alive', 'transfer-encoding', 'via', 'cache-status', 'accept-ranges']

/**
 * Asks Glance and the proxy the same at the same moment, and shows that the client is told the same: status, fields and
 * body, but for request ids and the address that links point to. Gives the proxy's answer.
 */
export async function sameAnswer(proxyUrl: string, path: string, options: Ask = {}): Promise<Answer> {
  const [direct, through] = await Promise.all([ask(stack.glanceUrl + path, options), ask(proxyUrl + path, options)])
  const what = `${options.method ?? 'GET'} ${path}`
  deepEqual(comparable(through, proxyUrl), comparable(direct, stack.glanceUrl), `${what}: as Glance answers it`)
  return through
}

function comparable({ status, headers, body }: Answer, url: string) {
  const told = Object.entries(headers).filter(([name]) => !ofTheExchange.includes(name))
  const neutral = (text: string) => text.replaceAll(url, '{endpoint}').replace(/req-[0-9a-f-]{36}/g, '{request}')
  // The address has another length; and a 204 must not have one (RFC 9110, section 8.6), though Glance says 0.
  const length = ([name]: [string, unknown]) => name === 'content-length' && (body.includes(url) || status === 204)
  return {
    status,
    headers: Object.fromEntries(told.filter((field) => !length(field)).map(([k, v]) => [k, neutral(String(v))])),
    body: neutral(body.toString()),
  }
}
