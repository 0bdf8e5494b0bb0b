import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HeaderList } from '../origin.ts'
import { onConnectionClose } from './connection-close.ts'
import type { Answer } from './exchange.ts'
import { endToEnd, valuesOf } from './hop-by-hop.ts'
import { hasBody } from './relay-upload.ts'

/** Bytes given so far; kept up to date so that a failure can be reported with it. */
export type Given = { bytes: number }

type Giving = Readonly<{ added: HeaderList; lingerMs: number }>

/** Passes a final answer on to the client with back-pressure. Rejects when it breaks off on either side. */
export async function passAnswer(
  answer: Answer,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  options: Giving & Readonly<{ given: Given }>,
): Promise<void> {
  const { given } = options
  const early = isUploading(incoming)
  const fields = [...endToEnd(answer.headers), ...options.added, ...closing(early)]
  outgoing.writeHead(answer.status, legalReason(answer.reason), fields.flat())
  outgoing.on('drain', () => answer.resume())
  const delivered = answer.deliver((chunk) => {
    given.bytes += chunk.length
    if (!outgoing.write(chunk)) answer.pause()
  })
  // Node keeps the head back for the first bytes; where these are not there already, it must not wait for them.
  const flushing = setImmediate(() => {
    if (given.bytes === 0) outgoing.flushHeaders()
  })
  await delivered.finally(() => clearImmediate(flushing))
  if (early && isFramed(answer, incoming)) await linger(incoming, outgoing, options.lingerMs)
  await ended(incoming, outgoing)
}

/** An answer of our own: text in the form of webob, as Glance gives it to a client without preferences. */
export async function answerText(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answer: Giving & Readonly<{ status: number; title: string; text: string }>,
): Promise<number> {
  const early = isUploading(incoming)
  const body = Buffer.from(`${answer.status} ${answer.title}\n\n${answer.text}\n\n`)
  const fields: HeaderList = [
    ['Content-Type', 'text/plain; charset=UTF-8'],
    ['Content-Length', String(body.length)],
    ...answer.added,
    ...closing(early),
  ]
  outgoing.writeHead(answer.status, answer.title, fields.flat())
  outgoing.write(body)
  if (early) await linger(incoming, outgoing, answer.lingerMs)
  await ended(incoming, outgoing)
  return incoming.method === 'HEAD' ? 0 : body.length
}

/** The client is still sending its body: after the answer its connection cannot be used again (RFC 9110 10.1.1). */
function isUploading(incoming: IncomingMessage): boolean {
  return hasBody(incoming) && !incoming.complete
}

function closing(early: boolean): HeaderList {
  return early ? [['Connection', 'close']] : []
}

/** Whether the client knows by the head where the answer ends. */
function isFramed(answer: Answer, incoming: IncomingMessage): boolean {
  const bodiless = incoming.method === 'HEAD' || answer.status === 204 || answer.status === 304
  return bodiless || valuesOf(answer.headers, 'content-length').length > 0
}

/**
 * Lets a client that is still uploading read its answer: closing with unread bytes makes the kernel send a reset, which
 * can overtake the answer (RFC 9112 9.6). What still comes is dropped, for a time. Only the end of the response, which
 * is what makes Node close, is kept back: for the client the answer is whole.
 */
async function linger(incoming: IncomingMessage, outgoing: ServerResponse, ms: number): Promise<void> {
  outgoing.flushHeaders()
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  for (const event of ['end', 'close', 'error']) incoming.once(event, () => resolve())
  incoming.resume()
  if (incoming.complete || incoming.destroyed) resolve()
  await promise
  clearTimeout(timer)
}

/** Resolves when all of the answer was handed to the kernel; rejects when the client left before. */
async function ended(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const left = () => (outgoing.writableFinished ? resolve() : reject(new Error('the client left')))
  const unwatch = onConnectionClose(incoming.socket, left)
  if (incoming.socket.destroyed) left()
  else outgoing.end(resolve)
  await promise.finally(unwatch)
}

/** A reason phrase that Node refuses to send is left to Node: only the status counts (RFC 9112 4). */
function legalReason(reason: string): string | undefined {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(reason) ? reason : undefined
}
