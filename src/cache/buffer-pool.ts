/** Bytes of one pooled buffer: large writes are what makes a fill fast (1 MiB measured best). */
export const chunkBytes = 1 << 20

/** Buffers that stay when no fill is under way. */
const keptIdle = 2

/**
 * Large buffers for what is arriving, shared by all fills and bounded. Fills have the first claim: readers may keep
 * only a quarter of the buffers from being reused, so that slow readers never hold a fill up.
 */
export interface BufferPool {
  /** undefined when all are in use: try again after `onFree`. */
  take(): Buffer | undefined
  give(buffer: Buffer): void
  /** Called once when a buffer has come free. */
  onFree(wake: () => void): void
  /** A reader wants to keep a buffer from being reused; false: copy instead. Each true is paired with `unpin`. */
  pin(): boolean
  unpin(): void
  /** Whether buffers may be kept for convenience: most of them are free. */
  readonly isRoomy: boolean
  /** Buffers taken now, and how many of them readers keep. */
  readonly inUse: number
  readonly pinned: number
}

export function createBufferPool(limit = 32): BufferPool {
  const free: Buffer[] = []
  const waiting: (() => void)[] = []
  let inUse = 0
  let pinned = 0
  return {
    take() {
      if (inUse === limit) return undefined
      inUse++
      return free.pop() ?? Buffer.allocUnsafeSlow(chunkBytes)
    },
    give(buffer) {
      inUse--
      free.push(buffer)
      // All are kept while there is work: what is dropped stays resident until it is collected, and would be allocated
      // again beside it. Afterwards a few stay warm.
      if (inUse === 0) free.splice(keptIdle)
      // One that needs nothing any more takes nothing: then it is the next one's turn.
      while (inUse < limit) {
        const wake = waiting.shift()
        if (wake === undefined) break
        wake()
      }
    },
    onFree: (wake) => {
      waiting.push(wake)
    },
    pin() {
      if (pinned >= limit / 4) return false
      pinned++
      return true
    },
    unpin() {
      pinned--
    },
    get isRoomy() {
      return inUse <= (limit * 3) / 8
    },
    get inUse() {
      return inUse
    },
    get pinned() {
      return pinned
    },
  }
}
