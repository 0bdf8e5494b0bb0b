import type { FileHandle } from 'node:fs/promises'
import { type Download, type HeaderList, OriginError } from '../origin.ts'
import { sameStamp, stampOf } from './file-stamp.ts'
import type { ActiveImage } from './stored-image.ts'

export type FileDownloadOptions = Readonly<{
  status: 200 | 206
  headers: HeaderList
  start: number
  /** Exclusive. */
  end: number
  /** Bytes of the one buffer that all chunks are read into. */
  chunkBytes: number
}>

/**
 * Delivers a part of an open file and closes it. The last chunk is given only once the file has been seen to be still
 * the one whose digests were told: a file that was changed meanwhile never looks complete.
 */
export class FileDownload implements Download {
  readonly kind = 'download'
  readonly status: 200 | 206
  readonly headers: HeaderList
  readonly offset: number
  readonly identity: Download['identity']
  readonly #image: ActiveImage
  readonly #file: FileHandle
  readonly #end: number
  readonly #chunkBytes: number
  readonly #ending = new AbortController()
  #gate: PromiseWithResolvers<void> | undefined
  #delivering = false

  constructor(image: ActiveImage, file: FileHandle, options: FileDownloadOptions) {
    this.status = options.status
    this.headers = options.headers
    this.offset = options.start
    this.identity = { size: image.facts.stamp.size, md5: image.facts.md5 }
    this.#image = image
    this.#file = file
    this.#end = options.end
    this.#chunkBytes = options.chunkBytes
  }

  async deliver(take: (chunk: Buffer) => void): Promise<void> {
    this.#delivering = true
    try {
      await this.#read(take)
    } finally {
      // Also ends listening to a signal that lives longer than this.
      this.#ending.abort()
      await this.#file.close()
    }
  }

  pause(): void {
    this.#gate ??= Promise.withResolvers()
  }

  resume(): void {
    this.#gate?.resolve()
    this.#gate = undefined
  }

  abort(): void {
    if (this.#ending.signal.aborted) return
    this.#ending.abort()
    this.resume()
    // Nobody will read it any more. A failure to close a file that was only read is nobody's loss.
    if (!this.#delivering) this.#file.close().catch(() => {})
  }

  /** Gives up when the signal says so. */
  abortWith(signal: AbortSignal): void {
    if (signal.aborted) this.abort()
    signal.addEventListener('abort', () => this.abort(), { signal: this.#ending.signal })
  }

  async #read(take: (chunk: Buffer) => void): Promise<void> {
    const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(this.#chunkBytes, this.#end - this.offset)))
    let position = this.offset
    while (position < this.#end) {
      // Reading overwrites the last chunk: a taker that paused may still be sending it.
      while (this.#gate !== undefined) await this.#gate.promise
      this.#throwIfAborted()
      const bytesRead = await this.#fill(buffer, position)
      this.#throwIfAborted()
      position += bytesRead
      take(buffer.subarray(0, bytesRead))
    }
  }

  async #fill(buffer: Buffer, position: number): Promise<number> {
    try {
      const { bytesRead } = await this.#file.read(buffer, 0, Math.min(buffer.length, this.#end - position), position)
      if (bytesRead === 0) throw new Error(`it ends at ${position}`)
      const isLast = position + bytesRead === this.#end
      if (isLast && !sameStamp(stampOf(await this.#file.stat()), this.#image.facts.stamp)) {
        throw new Error('it was changed while it was read')
      }
      return bytesRead
    } catch (error) {
      const { id, path } = this.#image.file
      throw new OriginError('broken', `image ${id}, file ${path}: ${String(error)}`, { cause: error })
    }
  }

  #throwIfAborted(): void {
    if (this.#ending.signal.aborted) throw new OriginError('aborted', `download of ${this.#image.file.id} was given up`)
  }
}
