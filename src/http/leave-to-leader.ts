import { type IncomingMessage, STATUS_CODES } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { cutOff } from '../origin/upstream/cut-off.ts'
import { endToEnd, fieldPairs } from '../origin/upstream/hop-by-hop.ts'
import { hasBody, Upload } from '../origin/upstream/relay-upload.ts'
import { askControlSocket } from './control-socket.ts'
import type { ManagementRequest, Perform } from './endpoints.ts'
import { answerError } from './error-page.ts'

/** For a client that comes while the leader is being replaced: it is back by then (seconds). */
const retryAfter = '2'

/**
 * Hands what a worker was asked for, and has found to be allowed, to the worker that manages the cache, and its answer
 * back, both streaming. So there is one queue of prefetches, one verification of an image, and one answer.
 */
export const leaveToLeader =
  (cacheDir: string): Perform<unknown> =>
  async (_action, { incoming, outgoing }) => {
    const left = new AbortController()
    outgoing.once('close', () => left.abort())
    const answer = await askLeader(cacheDir, { incoming, outgoing }, left.signal)
    if (left.signal.aborted) return
    if (answer === undefined) {
      const explanation = 'The worker that manages the cache is being replaced; try again in a moment.'
      return answerError(incoming, outgoing, 503, explanation, { 'Retry-After': retryAfter })
    }
    const status = answer.statusCode ?? 502
    for (const name of outgoing.getHeaderNames()) outgoing.removeHeader(name)
    outgoing.writeHead(status, STATUS_CODES[status], endToEnd(fieldPairs(answer.rawHeaders)).flat())
    // Whoever follows a long work wants to see at once that it has begun.
    outgoing.flushHeaders()
    // Those who follow a response, and what Node itself adds here, are more than it takes for no mistake.
    outgoing.setMaxListeners(20)
    // The leader has gone in mid answer, or the client has: neither may take what came for the whole.
    await pipeline(answer, outgoing).catch(() => cutOff(outgoing))
  }

/** undefined when there is no leader now, or it went before it answered. */
async function askLeader(
  cacheDir: string,
  { incoming, outgoing }: Pick<ManagementRequest, 'incoming' | 'outgoing'>,
  signal: AbortSignal,
): Promise<IncomingMessage | undefined> {
  const { method = '', url = '', rawHeaders, headers } = incoming
  // Our 100 goes to the client when its body is read, which is here.
  // What frames a body, and the host, are ours, whatever the client names in its Connection field: a request must not
  // reach the leader without them.
  const dropped = new Set(['expect', 'content-length', 'host'])
  const host = ['Host', headers.host ?? '']
  const fields = endToEnd(fieldPairs(rawHeaders)).filter(([name]) => !dropped.has(name.toLowerCase()))
  const body = hasBody(incoming) ? new Upload(incoming, outgoing) : undefined
  // The leader may answer before it has read the body. It would then close the connection, and what is still being sent
  // would break it before the answer has come.
  const staying = [
    ['Transfer-Encoding', 'chunked'],
    ['Connection', 'keep-alive'],
  ]
  const ask = { method, path: url, headers: [host, ...fields, ...(body === undefined ? [] : staying)].flat(), body }
  return askControlSocket(cacheDir, ask, signal).catch(() => undefined)
}
