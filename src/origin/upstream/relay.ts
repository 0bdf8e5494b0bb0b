import type { IncomingMessage, ServerResponse } from 'node:http'
import { type HeaderList, OriginError, type Relayed, type RelayOptions } from '../origin.ts'
import { onConnectionClose } from './connection-close.ts'
import { cutOff } from './cut-off.ts'
import { IllegalRequest } from './exchange-failure.ts'
import { endToEnd } from './hop-by-hop.ts'
import { answerText, type Given, passAnswer } from './relay-answer.ts'
import { originForm, relayedFields } from './relay-request.ts'
import { hasBody, Upload } from './relay-upload.ts'
import type { Upstream } from './upstream.ts'

/** How long a client that goes on uploading after its answer is listened to before its connection is closed. */
const lingerDefaultMs = 5000

/** Hands a request to the upstream as it is and the answer back, both streaming. Never rejects. */
export async function relay(
  upstream: Upstream,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  options: RelayOptions,
  lingerMs = lingerDefaultMs,
): Promise<Relayed> {
  const left = new AbortController()
  const unwatch = onConnectionClose(incoming.socket, () => left.abort())
  const given: Given = { bytes: 0 }
  const added = options.responseHeaders ?? []
  let upload: Upload | undefined
  let answered = false
  try {
    if (hasBody(incoming)) upload = new Upload(incoming, outgoing)
    const question = {
      method: incoming.method ?? 'GET',
      target: options.target ?? upstream.prefix + originForm(incoming.url ?? ''),
      headers: relayedFields(incoming, options),
      host: options.caller.host,
      body: upload,
      answerTimeoutMs: upstream.answerTimeoutMs,
      onInterim: (status: number, headers: HeaderList) => passInterim(incoming, outgoing, status, headers),
    }
    const answer = await upstream.send(question, left.signal)
    answered = true
    await options.onAnswer?.(answer.status)
    try {
      await passAnswer(answer, incoming, outgoing, { added, given, lingerMs })
    } catch (error) {
      answer.abort()
      throw error
    }
    return { status: answer.status, bytes: given.bytes, complete: true }
  } catch (error) {
    if (!answered) await options.onAnswer?.(0)
    upload?.destroy()
    return await failed(error, incoming, outgoing, { added, given, lingerMs, left: left.signal.aborted })
  } finally {
    unwatch()
  }
}

async function failed(
  error: unknown,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { added, given, lingerMs, left }: Readonly<{ added: HeaderList; given: Given; lingerMs: number; left: boolean }>,
): Promise<Relayed> {
  const failure = error instanceof Error ? error : new Error(String(error))
  if (left || outgoing.headersSent || outgoing.destroyed) {
    const status = outgoing.headersSent ? outgoing.statusCode : 0
    cutOff(outgoing)
    return { status, bytes: given.bytes, complete: false, failure }
  }
  const { status, title, text } = wordsFor(failure)
  try {
    const bytes = await answerText(incoming, outgoing, { status, title, text, added, lingerMs })
    return { status, bytes, complete: true, failure }
  } catch {
    // The client left while it was told; the failure itself is what the log wants.
    cutOff(outgoing)
    return { status, bytes: 0, complete: false, failure }
  }
}

const gateway = { status: 502, title: 'Bad Gateway' }

/** The client learns what failed, not where: addresses of the image store are for the log. */
function wordsFor(failure: Error): Readonly<{ status: number; title: string; text: string }> {
  if (failure instanceof IllegalRequest) return { status: 400, title: 'Bad Request', text: failure.message }
  switch (failure instanceof OriginError ? failure.reason : 'bad-answer') {
    case 'timeout':
      return { status: 504, title: 'Gateway Timeout', text: 'The image store did not answer in time.' }
    case 'unreachable':
      return { ...gateway, text: 'The image store cannot be reached.' }
    case 'broken':
      return { ...gateway, text: 'The image store closed the connection before it answered.' }
    case 'aborted':
      return { ...gateway, text: 'The image store is not asked any more: this proxy is shutting down.' }
    default:
      return { ...gateway, text: 'The answer of the image store cannot be passed on.' }
  }
}

/** A proxy forwards 1xx answers, though not to HTTP/1.0 (RFC 9110 15.2). Older versions of Node cannot: dropped then. */
function passInterim(incoming: IncomingMessage, outgoing: ServerResponse, status: number, headers: HeaderList): void {
  if (incoming.httpVersion === '1.0' || outgoing.headersSent || !('writeInformation' in outgoing)) return
  try {
    outgoing.writeInformation(status, endToEnd(headers).flat())
  } catch {
    // An interim answer that Node does not let pass is no loss: the final one counts.
  }
}
