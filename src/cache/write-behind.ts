import pLimit from 'p-limit'

/** What is written is sent to the disk this much at a time (bytes): small enough that the last time is short. */
const stepBytes = 64 << 20

/**
 * Written by one fill and not known to be on the disk (bytes); above it the fill goes at the disk's pace. So much is
 * synced in seconds by the slowest disk, and it is more than most images: they never wait.
 */
const mostBytes = 1 << 30

/** One sync at a time in the whole process: each keeps one of libuv's few threads, which opens and writes wait for too. */
const oneAtATime = pLimit(1)

export type WriteBehindOptions = Readonly<{
  /** fdatasync. */
  datasync(): Promise<void>
  /** Bytes below `position` survive a power cut. */
  onSynced(position: number): void
  onFailed(error: unknown): void
  stepBytes?: number
  mostBytes?: number
}>

/**
 * Sends a growing file to the disk behind its writer. Left to the kernel, up to a fifth of the memory would wait for the
 * sync at the end, which would take as long as writing all of it, with every other write on the disk behind it.
 */
export class WriteBehind {
  readonly #options: WriteBehindOptions
  readonly #step: number
  readonly #most: number
  #written = 0
  #synced = 0
  #syncing: Promise<void> | undefined
  /** It has failed, or nobody wants any more of them. */
  #hasEnded = false

  constructor(options: WriteBehindOptions) {
    this.#options = options
    this.#step = options.stepBytes ?? stepBytes
    this.#most = options.mostBytes ?? mostBytes
  }

  /** All bytes below it were synced. */
  get synced(): number {
    return this.#synced
  }

  /** Bytes below `position` are written. */
  wrote(position: number): void {
    this.#written = position
    // One at a time: it syncs all that is there when it begins.
    if (this.#written - this.#synced >= this.#step && !this.#hasEnded) this.#syncing ??= this.#sync()
  }

  /** Waits until so little is unsynced that `position` may be written; not at all after a failure. */
  async room(position: number): Promise<void> {
    while (position - this.#synced >= this.#most && this.#syncing !== undefined) await this.#syncing
  }

  /** Begins no further sync, and waits for the one that is under way: the descriptor may be closed then. */
  async end(): Promise<void> {
    this.#hasEnded = true
    await this.#syncing
  }

  async #sync(): Promise<void> {
    try {
      const synced = await oneAtATime(async () => {
        if (this.#hasEnded) return undefined
        const written = this.#written
        await this.#options.datasync()
        return written
      })
      if (synced === undefined) return
      this.#synced = synced
      this.#options.onSynced(synced)
    } catch (error) {
      this.#hasEnded = true
      this.#options.onFailed(error)
    } finally {
      this.#syncing = undefined
    }
    this.wrote(this.#written)
  }
}
