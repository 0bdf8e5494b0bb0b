import { tryLockExclusive } from './lock.ts'

/** How often they are looked at (ms). */
const lookMs = 500

/** Bytes, and a descriptor of our own that holds no lock. */
type Unlinked = Readonly<{ size: number; handle: Readonly<{ fd: number; close(): Promise<void> }> }>

/** Images that were unlinked while being read: their bytes are on disk until the last reader closes. */
export class UnlinkedFiles {
  readonly #files = new Set<Unlinked>()
  readonly #onFault: (error: unknown) => void
  #watching: NodeJS.Timeout | undefined

  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault
  }

  /** Gives their space back soon after their last reader has closed them. */
  add(file: Unlinked): void {
    this.#files.add(file)
    this.#watching ??= setInterval(() => {
      this.bytes().catch(this.#onFault)
      if (this.#files.size > 0) return
      clearInterval(this.#watching)
      this.#watching = undefined
    }, lookMs).unref()
  }

  /** Of those that are not closed yet. */
  async bytes(): Promise<number> {
    let bytes = 0
    for (const file of [...this.#files]) {
      // Closed meanwhile by another look.
      if (!this.#files.has(file)) continue
      if (tryLockExclusive(file.handle.fd)) {
        this.#files.delete(file)
        await file.handle.close()
      } else bytes += file.size
    }
    return bytes
  }
}
