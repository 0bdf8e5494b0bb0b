import { createHash } from 'node:crypto'

/** The content of an image: a length and the bytes at any place, so that large images need no memory. */
export interface Content {
  readonly size: number
  /** At least one byte and at most `max` from `offset`; the result is never written to. */
  slice(offset: number, max: number): Buffer
}

// A prime, so that no power-of-two mistake in an offset meets the same bytes again.
const period = 1_048_573

function block(seed: number): Buffer {
  const bytes = Buffer.alloc(period)
  let state = (seed * 2_654_435_761 + 1) >>> 0 || 1
  for (let at = 0; at < period; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state & 255
  }
  // Twice in a row: a slice of up to one period is contiguous wherever it begins.
  return Buffer.concat([bytes, bytes])
}

const blocks = new Map<number, Buffer>()

/** Deterministic noise of any size without memory: the same size and seed always give the same bytes. */
export function pattern(size: number, seed = 1): Content {
  const source = blocks.get(seed) ?? block(seed)
  blocks.set(seed, source)
  return {
    size,
    slice(offset, max) {
      const phase = offset % period
      return source.subarray(phase, phase + Math.min(max, period, size - offset))
    },
  }
}

/** The same noise as one Buffer. */
export function patternBytes(size: number, seed = 1): Buffer {
  return bytesOf(pattern(size, seed))
}

export function contentOf(bytes: Buffer | Content): Content {
  if (!Buffer.isBuffer(bytes)) return bytes
  return { size: bytes.length, slice: (offset, max) => bytes.subarray(offset, Math.min(offset + max, bytes.length)) }
}

/** All of a content, or `[start, end)` of it, in memory. */
export function bytesOf(content: Content, start = 0, end = content.size): Buffer {
  const bytes = Buffer.alloc(end - start)
  for (let at = start; at < end; ) at += content.slice(at, end - at).copy(bytes, at - start)
  return bytes
}

/** Digest in hex by OpenSSL's name of the algorithm. */
export function digestOf(content: Content, algorithm: string): string {
  const hash = createHash(algorithm)
  for (let at = 0; at < content.size; ) {
    const slice = content.slice(at, 1_048_576)
    hash.update(slice)
    at += slice.length
  }
  return hash.digest('hex')
}
