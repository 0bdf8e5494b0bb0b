import type { Facts } from '../../drivers/driver.ts'

/** Bytes of images that are asked for often and are small, so that a hit needs no read: bounded, least recently used. */
export interface SmallImages {
  /** Only images up to this size are kept (bytes). */
  readonly largest: number
  /** Bytes that are kept now. */
  readonly total: number
  get(key: string): Uint8Array | undefined
  put(key: string, bytes: Uint8Array): void
}

/**
 * What an image's bytes are kept under. Its file alone would not do: the next image may get the same inode in the same
 * second, so it is also what was proven of it, and when.
 */
export const imageKey = (id: string, { inode, verifiedAt, hashValue, md5 }: Facts): string =>
  `${id} ${inode} ${verifiedAt} ${hashValue ?? md5}`

/**
 * After so long without a use they are read again (ms): until then their file is in the page cache as well, from where the
 * main thread sends it and must not wait for the disk.
 */
const longestIdleMs = 10_000

export function keepSmallImages(largest = 1 << 20, capacity = 32 << 20, idleMs = longestIdleMs): SmallImages {
  /** In order of use: a Map keeps insertion order. */
  const kept = new Map<string, Readonly<{ bytes: Uint8Array; usedAt: number }>>()
  let total = 0
  return {
    largest,
    get total() {
      return total
    },
    get(key) {
      const found = kept.get(key)
      if (found === undefined) return undefined
      const { bytes, usedAt } = found
      const now = performance.now()
      kept.delete(key)
      if (now - usedAt > idleMs) {
        total -= bytes.length
        return undefined
      }
      kept.set(key, { bytes, usedAt: now })
      return bytes
    },
    put(key, bytes) {
      if (bytes.length > largest || kept.has(key)) return
      const now = performance.now()
      kept.set(key, { bytes, usedAt: now })
      total += bytes.length
      // Idle ones are of no use: of images that left the cache, or came to it anew, nobody would ever ask for them.
      for (const [oldest, { bytes: old, usedAt }] of kept) {
        if (total <= capacity && now - usedAt <= idleMs) break
        kept.delete(oldest)
        total -= old.length
      }
    },
  }
}
