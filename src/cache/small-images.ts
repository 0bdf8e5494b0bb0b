/** Bytes of images that are asked for often and are small, so that a hit needs no read: bounded, least recently used. */
export interface SmallImages {
  /** Only images up to this size are kept (bytes). */
  readonly largest: number
  get(key: string): Uint8Array | undefined
  put(key: string, bytes: Uint8Array): void
}

/**
 * What a file's bytes are kept under: another file of the same id, or the same file written anew, has another key.
 */
export const fileKey = (stats: Readonly<{ dev: number; ino: number; mtimeMs: number; size: number }>): string =>
  `${stats.dev}:${stats.ino}:${stats.mtimeMs}:${stats.size}`

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
