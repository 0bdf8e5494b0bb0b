/**
 * Reads of files for everybody: threads of its own read synchronously into shared memory, and the main thread hands
 * that memory to sockets. No file is read on the event loop, however cold. fs.read into buffers of the same size costs a fifth
 * more processor time, messages instead of shared counters a quarter more (figures: src/http/send.ts).
 */
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { cancelled, endOfFile, FileReadFailed } from './file-read-failed.ts'
import { createReadQueue, finishedCount, type ReadQueue, resultOf, submit, untilFinished } from './read-queue.ts'
import type { Lease } from './reader.ts'
import { createSmallReads, lend, smallBytes } from './small-reads.ts'

export type FileReaderOptions = Readonly<{
  /** Large buffers, a power of two (32). They bound the memory of all fast readers together. */
  buffers?: number
  /** Bytes of a large buffer (512 KiB). */
  bufferSize?: number
  /**
   * Reading threads at most (2 to 4, as there are processors); one starts at once, the others when they are needed.
   * With 0 every read goes through libuv's threads, 64 KiB at a time.
   */
  threads?: number
}>

export interface FileReader extends AsyncDisposable {
  /**
   * Bytes of `fd` from `position`: at least one, at most `length`. More than 64 KiB only while large buffers are free:
   * nobody waits for a buffer that a slow client holds. Rejects with a FileReadFailed. The descriptor must stay open
   * until the promise settles; it is closed by its owner.
   */
  read(fd: number, position: number, length: number): Promise<Lease>
  /** A copy of at most 64 KiB of what is in memory, for a reader that must not pin where it lies. */
  copy(bytes: Uint8Array): Lease
}

type Pending = Readonly<{ fd: number; position: number; resolve(lease: Lease): void; reject(error: Error): void }>

export function openFileReader(options: FileReaderOptions = {}): FileReader {
  return new ThreadedFileReader(options)
}

class ThreadedFileReader implements FileReader {
  readonly #queue: ReadQueue
  readonly #free: number[]
  readonly #pending = new Map<number, Pending>()
  readonly #threads = new Set<Worker>()
  #maxThreads: number
  readonly #small = createSmallReads()
  #collecting = false
  #closed = false

  constructor(options: FileReaderOptions) {
    const { buffers = 32, bufferSize = 512 << 10 } = options
    if (!Number.isInteger(Math.log2(buffers))) throw new RangeError(`buffers must be a power of two, not ${buffers}`)
    this.#queue = createReadQueue(buffers, bufferSize)
    // The last one freed is used next: it is still in the processor's cache, and others are never touched.
    this.#free = Array.from({ length: buffers }, (_, index) => buffers - 1 - index)
    this.#maxThreads = options.threads ?? Math.min(Math.max(availableParallelism(), 2), 4)
    if (this.#maxThreads > 0) this.#startThread()
  }

  read(fd: number, position: number, length: number): Promise<Lease> {
    if (this.#closed) return Promise.reject(new FileReadFailed(cancelled, fd, position))
    const buffer = length > smallBytes && this.#threads.size > 0 ? this.#free.pop() : undefined
    if (buffer === undefined) return this.#small.read(fd, position, length)
    return new Promise((resolve, reject) => {
      this.#pending.set(buffer, { fd, position, resolve, reject })
      submit(this.#queue, buffer, fd, position, Math.min(length, this.#queue.bufferSize))
      if (this.#threads.size < Math.min(this.#pending.size, this.#maxThreads)) this.#startThread()
      if (!this.#collecting) void this.#collect()
    })
  }

  copy(bytes: Uint8Array): Lease {
    return this.#small.copy(bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#giveUpThreads()
  }

  /** Hands out what the threads have finished, until nothing is pending. */
  async #collect(): Promise<void> {
    this.#collecting = true
    while (this.#pending.size > 0) {
      // Counted before looking: what is finished in between changes the count, and the wait ends at once.
      const seen = finishedCount(this.#queue)
      for (const [buffer, pending] of this.#pending) {
        const result = resultOf(this.#queue, buffer)
        if (result !== undefined) this.#settle(buffer, pending, result)
      }
      if (this.#pending.size > 0) await untilFinished(this.#queue, seen)
    }
    this.#collecting = false
  }

  #settle(buffer: number, { fd, position, resolve, reject }: Pending, result: number): void {
    this.#pending.delete(buffer)
    if (result <= 0) {
      this.#free.push(buffer)
      reject(new FileReadFailed(result === 0 ? endOfFile : result, fd, position))
      return
    }
    const { arena, bufferSize } = this.#queue
    const bytes = Buffer.from(arena, buffer * bufferSize, result)
    resolve(lend(bytes, () => this.#free.push(buffer)))
  }

  #startThread(): void {
    // Its own suffix: the sources run as .ts, the built package as .js.
    const program = new URL(`./file-reader-worker${extname(import.meta.url)}`, import.meta.url)
    try {
      const thread = new Worker(program, {
        workerData: this.#queue,
        name: 'file-reader',
        // It makes no garbage at all.
        resourceLimits: { maxYoungGenerationSizeMb: 2 },
      })
      // A thread ends by itself only when it runs out of memory. The read that it had taken would never be finished.
      thread.once('error', () => void this.#giveUpThreads())
      this.#threads.add(thread)
    } catch {
      // The system has no more threads for us (ERR_WORKER_INIT_FAILED): those that run must do, or libuv's.
      this.#maxThreads = this.#threads.size
    }
  }

  /** Fails what is pending; from now on every read goes the slower way that needs no threads of ours. */
  async #giveUpThreads(): Promise<void> {
    const threads = [...this.#threads]
    this.#threads.clear()
    this.#maxThreads = 0
    for (const { fd, position, reject } of this.#pending.values()) reject(new FileReadFailed(cancelled, fd, position))
    this.#pending.clear()
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
}
