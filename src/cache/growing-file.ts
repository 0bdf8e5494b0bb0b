import { ArrivingChunks, type Chunk } from './arriving-chunks.ts'
import { type BufferPool, chunkBytes } from './buffer-pool.ts'
import type { FileReader } from './file-reader.ts'
import { smallBytes } from './file-reader.ts'
import type { ImageReader, Lease, Span } from './reader.ts'
import { ReadFailed } from './reader.ts'
import { type SharedFile, spanOf } from './shared-file.ts'
import type { SparseWriter } from './sparse-writer.ts'

/** Withheld from every response until the image is proven: enough that no cut response can look complete. */
export const heldBackBytes = 64 * 1024
/** Received but not yet written: the upstream is paused above it. */
const unwrittenBytes = 3 * chunkBytes
/** A partly filled buffer is written after this long, so that a trickling upstream reaches the disk too. */
const lingerMs = 20
export type GrowingFileOptions = Readonly<{
  file: SharedFile
  size: number
  /** Bytes of the image that the file already has. */
  startAt: number
  /** Of the same file. */
  writer: Pick<SparseWriter, 'write'>
  holdBack: boolean
  pool: BufferPool
  files: FileReader
  /** Bytes below `position` are in the file now. */
  onWritten(position: number): void
  /** `append` may go on after it returned false. */
  onRoom(): void
  /** Writing to the file failed: the owner says by `fail` what that means for the readers. */
  onWriteFailed(error: unknown): void
}>

/**
 * One writer appends, many readers follow. What has just arrived is read from the writer's own buffers, everything
 * older from the file, so nobody waits for the disk and a slow reader costs nothing but its own position.
 */
export class GrowingFile {
  readonly size: number
  readonly #options: GrowingFileOptions
  readonly #chunks: ArrivingChunks
  #overflow: Buffer[] = []
  #written: number
  #proven = false
  #failure: ReadFailed | undefined
  #waiting: Set<() => void> = new Set()
  #wakeScheduled = false
  #writing = false
  #linger: NodeJS.Timeout | undefined
  #throttled = false
  #idle: (() => void)[] = []

  constructor(options: GrowingFileOptions) {
    this.#options = options
    this.size = options.size
    this.#chunks = new ArrivingChunks(options.pool, options.startAt)
    this.#written = options.startAt
  }

  /** Bytes that have arrived, in memory or in the file. Where a broken download goes on. */
  get received(): number {
    return this.#chunks.received + this.#overflow.reduce((sum, bytes) => sum + bytes.length, 0)
  }

  get written(): number {
    return this.#written
  }

  get failed(): boolean {
    return this.#failure !== undefined
  }

  /**
   * Memory for the bytes that come next: `append` finds them there and copies nothing. It may be written to until
   * `room` is called again, or `endRoom`. undefined: there is none now.
   */
  room(): Buffer | undefined {
    if (this.#failure !== undefined || this.#overflow.length > 0 || this.received === this.size) return undefined
    return this.#chunks.room()
  }

  /** Nobody writes into what `room` has given any more. */
  endRoom(): void {
    this.#chunks.endRoom()
    this.#tidy()
  }

  /** Copies `bytes` in; false: hold the upstream until `onRoom`. Never more than `size` in all: the caller checks. */
  append(bytes: Buffer): boolean {
    if (this.#failure !== undefined) return true
    const rest = this.#overflow.length > 0 ? bytes : this.#chunks.store(bytes)
    if (rest.length > 0) {
      if (this.#overflow.length === 0) this.#options.pool.onFree(() => this.#retry())
      this.#overflow.push(Buffer.from(rest))
    }
    this.#wake()
    this.#scheduleWrite(false)
    this.#throttled = this.#isBehind
    return !this.#throttled
  }

  /** Resolves when everything received is in the file, or the file has failed; no write is under way then. */
  async flushed(): Promise<void> {
    while (this.#writing || (this.#failure === undefined && this.received > this.#written)) {
      this.#scheduleWrite(true)
      await new Promise<void>((resolve) => this.#idle.push(resolve))
    }
  }

  /** The whole image is what it should be: the last bytes may go. */
  prove(): void {
    this.#proven = true
    this.#wake()
  }

  /** Readers get no more bytes from here. The first failure stays. */
  fail(failure: ReadFailed): void {
    if (this.#failure !== undefined) return
    this.#failure = failure
    clearTimeout(this.#linger)
    this.#overflow = []
    if (!this.#writing) this.#tidy()
    this.#wake()
    this.#settleIdle()
  }

  /** A view for one response that ends at `end` (exclusive): its last bytes wait for the proof. */
  reader(end: number, onClose: () => void): ImageReader {
    const { file } = this.#options
    file.hold()
    let open = true
    const read = (position: number, max: number): Lease | Promise<Lease> => {
      if (!open) throw new ReadFailed('closed', 'the reader is closed')
      const lease = this.#lend(position, Math.min(max, this.#limit(end) - position), max <= smallBytes)
      if (lease !== undefined) return lease
      return new Promise((resolve, reject) => {
        const retry = () => {
          if (!open) return stop(() => reject(new ReadFailed('closed', 'the reader is closed')))
          if (this.#failure !== undefined) return stop(() => reject(this.#failure))
          const lent = this.#lend(position, Math.min(max, this.#limit(end) - position), max <= smallBytes)
          if (lent !== undefined) stop(() => resolve(lent))
        }
        const stop = (settle: () => void) => {
          this.#waiting.delete(retry)
          settle()
        }
        this.#waiting.add(retry)
        if (this.#failure !== undefined) retry()
      })
    }
    return {
      size: this.size,
      read,
      span: (position, max) => (open ? this.#span(position, Math.min(position + max, this.#limit(end))) : undefined),
      close: () => {
        if (!open) return
        open = false
        this.#wake()
        file.drop()
        onClose()
      },
    }
  }

  #limit(end: number): number {
    return this.#proven || !this.#options.holdBack ? end : end - heldBackBytes
  }

  #lend(position: number, room: number, copy: boolean): Lease | Promise<Lease> | undefined {
    if (room <= 0 || this.#failure !== undefined) return undefined
    const chunk = this.#chunks.at(position)
    if (chunk !== undefined) {
      const from = position - chunk.start
      const bytes = chunk.buffer.subarray(from, Math.min(chunk.length, from + room))
      if (!copy && this.#chunks.pin(chunk)) return { bytes, release: () => this.#unpin(chunk) }
      return this.#options.files.copy(bytes)
    }
    if (position >= this.#written) return undefined
    const { file, files } = this.#options
    file.hold()
    return files
      .read(file.fd, position, Math.min(room, this.#written - position))
      .catch((cause: unknown) => {
        throw new ReadFailed('cache', `cannot read the growing file at ${position}`, { cause })
      })
      .finally(() => file.drop())
  }

  /** Of what is in the file and no longer in memory: readers that have fallen behind. */
  #span(position: number, end: number): Span | undefined {
    if (this.#failure !== undefined) return undefined
    const until = Math.min(end, this.#written, this.#chunks.start)
    return until > position ? spanOf(this.#options.file, until) : undefined
  }

  #unpin(chunk: Chunk): void {
    this.#chunks.unpin(chunk)
    this.#tidy()
  }

  #retry(): void {
    while (this.#failure === undefined) {
      const first = this.#overflow[0]
      if (first === undefined) break
      const rest = this.#chunks.store(first)
      if (rest.length > 0) {
        this.#overflow[0] = rest
        this.#options.pool.onFree(() => this.#retry())
        break
      }
      this.#overflow.shift()
    }
    this.#wake()
    this.#scheduleWrite(false)
  }

  /** Full buffers are written at once, a partial one after a moment or when asked to (`now`). */
  #scheduleWrite(now: boolean): void {
    if (this.#failure !== undefined) return
    const next = this.#chunks.unwritten
    if (next === undefined) return
    if (now || next.length === chunkBytes || next.start + next.length === this.size) {
      clearTimeout(this.#linger)
      this.#linger = undefined
      if (!this.#writing) void this.#write(now)
      return
    }
    this.#linger ??= setTimeout(() => {
      this.#linger = undefined
      if (!this.#writing) void this.#write(true)
    }, lingerMs)
  }

  async #write(partial: boolean): Promise<void> {
    this.#writing = true
    try {
      for (;;) {
        const chunk = this.#chunks.unwritten
        if (chunk === undefined || this.#failure !== undefined) break
        if (chunk.length < chunkBytes && !partial && chunk.start + chunk.length < this.size) break
        const bytes = chunk.buffer.subarray(chunk.written, chunk.length)
        const bytesWritten = await this.#options.writer.write(bytes, chunk.start + chunk.written)
        chunk.written += bytesWritten
        this.#written += bytesWritten
        this.#options.onWritten(this.#written)
        this.#tidy()
        this.#relax()
      }
    } catch (error) {
      this.#options.onWriteFailed(error)
    } finally {
      this.#writing = false
      this.#tidy()
    }
    this.#settleIdle()
    this.#scheduleWrite(false)
  }

  get #isBehind(): boolean {
    return this.#overflow.length > 0 || this.#chunks.received - this.#written >= unwrittenBytes
  }

  #relax(): void {
    if (!this.#throttled || this.#isBehind) return
    this.#throttled = false
    this.#options.onRoom()
  }

  #tidy(): void {
    this.#chunks.tidy(this.#failure !== undefined || this.#written === this.size, this.#writing)
  }

  #settleIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** Once per turn of the event loop: what arrived meanwhile goes out in one piece. */
  #wake(): void {
    if (this.#wakeScheduled || this.#waiting.size === 0) return
    this.#wakeScheduled = true
    setImmediate(() => {
      this.#wakeScheduled = false
      for (const retry of [...this.#waiting]) retry()
    })
  }
}
