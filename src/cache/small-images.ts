import type { Facts } from '../../drivers/driver.ts'

/** Bytes of images that are asked for often and are small, so that a hit needs no read: bounded, least recently used. */
export interface SmallImages {
  /** Only images up to this size are kept (bytes). */
  readonly largest: number
  get(key: string): Uint8Array | undefined
  put(key: string, bytes: Uint8Array): void
}

/**
 * What an image's bytes are kept under. Its file alone would not do: the next image may get the same inode in the same
 * second, so it is also what was proven of it, and when.
 */
export const imageKey = (id: string, { inode, verifiedAt, hashValue, md5 }: Facts): string =>
  `${id} ${inode} ${verifiedAt} ${hashValue ?? md5}`

export function keepSmallImages(largest = 1 << 20, capacity = 32 << 20): SmallImages {
  /** In order of use: a Map keeps insertion order. */
  const kept = new Map<string, Uint8Array>()
  let total = 0
  return {
    largest,
    get(key) {
      const bytes = kept.get(key)
      if (bytes === undefined) return undefined
      kept.delete(key)
      kept.set(key, bytes)
      return bytes
    },
    put(key, bytes) {
      if (bytes.length > largest || kept.has(key)) return
      kept.set(key, bytes)
      total += bytes.length
      for (const [oldest, { length }] of kept) {
        if (total <= capacity) break
        kept.delete(oldest)
        total -= length
      }
    },
  }
}
