import type { IncomingMessage, ServerResponse } from 'node:http'
import { ReadFailed } from '../cache/reader.ts'
import type { Caller, Origin } from '../origin/origin.ts'
import { cutOff } from '../origin/upstream/cut-off.ts'
import type { Sendfile } from '../sendfile/sendfile.ts'
import { evaluateConditions, evaluateIfRange } from './conditional.ts'
import { type CacheStatus, entityTag, imageFields, type Source } from './image-response.ts'
import { passBytes } from './pass-on.ts'
import { formatContentRange, formatUnsatisfied, parseRange } from './ranges.ts'
import { sendBody } from './send.ts'

export type Serving = Readonly<{
  id: string
  incoming: IncomingMessage
  outgoing: ServerResponse
  caller: Caller
  requestId: string
  origin: Origin
  /** A client that takes nothing for this long is cut off (ms). */
  idleTimeoutMs: number
  sendfile: Sendfile | undefined
}>

/** What a client got of an image that we have. */
export type Served = Readonly<{
  status: number
  /** Bytes from the cache or from a fill; the rest, if any, came straight from the upstream. */
  bytes: number
  bytesFromUpstream: number
  /** `failed`: cut off, because the image proved wrong or could not be had to its end. */
  outcome: 'complete' | 'client-left' | 'client-stalled' | 'failed'
  error?: ReadFailed
}>

/** Answers a download by RFC 9110: conditions first, then the range, then the bytes. */
export async function serveImage(serving: Serving, source: Source, status: CacheStatus): Promise<Served> {
  const { incoming, outgoing, requestId } = serving
  const { size } = source
  const fields = imageFields(source, requestId, status)
  const etag = entityTag(source)
  const empty = (code: number, more: Record<string, string> = {}): Served => {
    source.abandon()
    outgoing.writeHead(code, { ...fields, ...more }).end()
    return { status: code, bytes: 0, bytesFromUpstream: 0, outcome: 'complete' }
  }

  const condition = evaluateConditions(incoming.headers, etag)
  if (condition === 'not-modified') return empty(304)
  if (condition === 'precondition-failed') return empty(412, { 'Content-Length': '0' })

  const isRangeMeant = evaluateIfRange(incoming.headers, etag)
  const range = isRangeMeant ? parseRange(incoming.headers.range, size) : { kind: 'none' as const }
  if (range.kind === 'unsatisfiable')
    return empty(416, { 'Content-Range': formatUnsatisfied(size), 'Content-Length': '0' })
  const { start, end } = range.kind === 'range' ? range : { start: 0, end: size }
  const code = range.kind === 'range' ? 206 : 200

  outgoing.writeHead(code, {
    ...fields,
    'Content-Length': String(end - start),
    ...(code === 206 ? { 'Content-Range': formatContentRange(start, end, size) } : {}),
  })
  return sendRange(serving, source, { code, start, end })
}

async function sendRange(
  serving: Serving,
  source: Source,
  { code, start, end }: Readonly<{ code: number; start: number; end: number }>,
): Promise<Served> {
  const { outgoing, caller, idleTimeoutMs, sendfile } = serving
  const reader = source.open(end, caller)
  try {
    const sent = await sendBody(outgoing, reader, start, end, { idleTimeoutMs, sendfile })
    const served = { status: code, bytes: sent.bytes, bytesFromUpstream: 0 }
    if (sent.outcome !== 'failed') return { ...served, outcome: sent.outcome }
    const error = sent.error ?? new ReadFailed('cache', 'reading failed')
    if (error.fault !== 'cache') {
      cutOff(outgoing)
      return { ...served, outcome: 'failed', error }
    }
    reader.close()
    const rest = await goOnFromUpstream(serving, source, start + sent.bytes, end)
    return { ...served, bytesFromUpstream: rest.bytes, outcome: rest.complete ? 'complete' : 'failed', error }
  } finally {
    reader.close()
  }
}

/**
 * The cache failed in mid response: the client gets the rest from the upstream, at its own offset, with its own
 * credentials, if the upstream still holds the same image.
 */
async function goOnFromUpstream(
  { id, outgoing, caller, origin, idleTimeoutMs }: Serving,
  source: Source,
  start: number,
  end: number,
) {
  const giveUp = () => {
    cutOff(outgoing)
    return { bytes: 0, complete: false }
  }
  try {
    const answer = await origin.download(id, caller, { start, end })
    if (answer.kind === 'refusal') return giveUp()
    const { size, md5 } = answer.identity
    const isOther = (size !== undefined && size !== source.size) || (md5 !== undefined && md5 !== source.md5)
    if (isOther || answer.offset > start) {
      answer.abort()
      return giveUp()
    }
    return await passBytes(outgoing, answer, { skip: start - answer.offset, bytes: end - start }, idleTimeoutMs)
  } catch {
    // The upstream cannot be reached either: there is no more to give.
    return giveUp()
  }
}
