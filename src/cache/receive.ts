import { setTimeout as delay } from 'node:timers/promises'
import type { Caller, Download, ImageRecord, Origin, Refusal } from '../origin/origin.ts'
import { OriginError } from '../origin/origin.ts'
import type { GrowingFile } from './growing-file.ts'
import { UpstreamFailed } from './upstream-failed.ts'

/** Pauses before each attempt to go on, without any byte in between; then the fill is given up. */
const pausesMs = [100, 300, 1000, 3000, 5000]

export type ReceiveOptions = Readonly<{
  id: string
  origin: Origin
  /** What the image is; every answer of the upstream is compared with it. */
  record: ImageRecord & { size: number }
  /** Whether the end of the fill proves the bytes: without a declared digest, going on needs an unchanged record. */
  proven: boolean
  growing: GrowingFile
  signal: AbortSignal
  /** Whose word opens the next request, best first. Asked anew each time: a token may have expired meanwhile. */
  callers(): AsyncIterable<Caller>
  onBytes(bytes: number): void
  onResume(at: number, attempt: number, cause: string): void
}>

export interface Reception {
  /** Receives from `first` (already open), and goes on in a new request wherever the upstream breaks, until all is there. */
  run(first: Download | undefined): Promise<void>
  /** The growing file has room again. */
  resume(): void
}

export function reception(options: ReceiveOptions): Reception {
  const { id, origin, record, growing, signal } = options
  let current: Download | undefined

  async function run(first: Download | undefined): Promise<void> {
    let next = first
    let attempts = 0
    while (growing.received < record.size) {
      const before = growing.received
      try {
        next ??= await reopen(before)
        await take(next)
        if (growing.received < record.size) throw new OriginError('broken', `the body ended at ${growing.received}`)
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof OriginError)) throw error
        if (growing.received > before) attempts = 0
        const pause = pausesMs[attempts++]
        if (pause === undefined) {
          throw new UpstreamFailed('upstream', `gave up at byte ${growing.received}: ${error.message}`, {
            cause: error,
          })
        }
        options.onResume(growing.received, attempts, `${error.reason}: ${error.message}`)
        await delay(pause, undefined, { signal })
      }
      next = undefined
    }
  }

  async function take(download: Download): Promise<void> {
    current = download
    const abort = () => download.abort()
    signal.addEventListener('abort', abort)
    try {
      signal.throwIfAborted()
      contradiction(download, record)
      let skip = growing.received - download.offset
      if (skip < 0) throw new OriginError('bad-answer', `asked for byte ${growing.received}, got ${download.offset}`)
      let wrong: UpstreamFailed | undefined
      const whole = download.deliver(
        (chunk) => {
          let bytes = chunk
          if (skip > 0) {
            bytes = chunk.subarray(skip)
            skip -= chunk.length - bytes.length
            if (bytes.length === 0) return
          }
          if (growing.received + bytes.length > record.size) {
            wrong = new UpstreamFailed('wrong', `more than the declared ${record.size} bytes`)
            download.abort()
            return
          }
          options.onBytes(bytes.length)
          if (!growing.append(bytes)) download.pause()
        },
        () => (skip > 0 ? undefined : growing.room()),
      )
      await whole.catch((error: unknown) => {
        // What matters is there: how the connection ended does not.
        if (wrong === undefined && growing.received < record.size) throw error
      })
      if (wrong !== undefined) throw wrong
    } finally {
      current = undefined
      signal.removeEventListener('abort', abort)
      download.abort()
      growing.endRoom()
    }
  }

  /** A new request for the rest. A caller who is refused hands over to the next; a failing upstream is asked again later. */
  async function reopen(start: number): Promise<Download> {
    let refused: Refusal | undefined
    for await (const caller of options.callers()) {
      if (!options.proven && !(await isUnchanged(caller))) continue
      const answer = await origin.download(id, caller, start > 0 ? { start, end: undefined } : undefined, signal)
      if (answer.kind === 'download') return answer
      if (answer.status >= 500 || answer.status === 429) {
        throw new OriginError('bad-answer', `the upstream answers ${answer.status}`)
      }
      refused = answer
    }
    throw new UpstreamFailed(
      'upstream',
      `nobody may read the rest: the upstream answers ${refused?.status ?? 'nobody'}`,
    )
  }

  /** False when this caller may not know: then it cannot show that the bytes so far are of the same image. */
  async function isUnchanged(caller: Caller): Promise<boolean> {
    const answer = await origin.describe(id, caller, signal)
    if (answer.kind === 'refusal') return false
    if (answer.record.size !== record.size || answer.record.updatedAt !== record.updatedAt) {
      throw new UpstreamFailed('wrong', 'the image changed while it was being downloaded')
    }
    return true
  }

  return {
    run,
    resume: () => current?.resume(),
  }
}

/** Throws when what a download says of itself is not what the image's record declares. */
export function contradiction(download: Download, record: ImageRecord): void {
  const { size, md5 } = download.identity
  if (size !== undefined && size !== record.size) {
    throw new UpstreamFailed('wrong', `the upstream sends ${size} bytes, the image's record says ${record.size}`)
  }
  if (md5 !== undefined && record.md5 !== undefined && md5.toLowerCase() !== record.md5.toLowerCase()) {
    throw new UpstreamFailed('wrong', `the upstream sends MD5 ${md5}, the image's record says ${record.md5}`)
  }
}
