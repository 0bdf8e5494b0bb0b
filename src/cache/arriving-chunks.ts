import { type BufferPool, chunkBytes } from './buffer-pool.ts'

/** Written chunks kept for readers that are just behind, while the pool is not busy. */
const recentChunks = 4

/** Bytes [start, start + length) of an image in one buffer of the pool; `written` of them are in its file. */
export type Chunk = {
  readonly buffer: Buffer
  readonly start: number
  length: number
  written: number
  readers: number
}

/** What of an image is in memory while it arrives, in order and without gaps. The last chunk is being filled. */
export class ArrivingChunks {
  readonly #pool: BufferPool
  readonly #chunks: Chunk[] = []
  /** The last one, while somebody may be writing into what is free of it. */
  #lent: Chunk | undefined
  #received: number

  constructor(pool: BufferPool, startAt: number) {
    this.#pool = pool
    this.#received = startAt
  }

  /** Where the next byte belongs. */
  get received(): number {
    return this.#received
  }

  /** Where what is in memory begins. */
  get start(): number {
    return this.#chunks[0]?.start ?? this.#received
  }

  /** The chunk that has the byte at `position`. */
  at(position: number): Chunk | undefined {
    return this.#chunks.find(({ start, length }) => position >= start && position < start + length)
  }

  /** The first one that is not written as far as it has been filled. */
  get unwritten(): Chunk | undefined {
    return this.#chunks.find(({ written, length }) => written < length)
  }

  /**
   * Memory for the bytes that come next: `store` finds them there and copies nothing. It may be written to until `room`
   * is called again, or `endRoom`. undefined: the pool has none now.
   */
  room(): Buffer | undefined {
    this.#lent = this.#tail()
    return this.#lent?.buffer.subarray(this.#lent.length)
  }

  /** Nobody writes into what `room` has given any more. */
  endRoom(): void {
    this.#lent = undefined
  }

  /** Takes as much as there are buffers for; gives what is left. */
  store(bytes: Buffer): Buffer {
    let offset = 0
    while (offset < bytes.length) {
      const chunk = this.#tail()
      if (chunk === undefined) break
      const { buffer } = chunk
      const isThere = bytes.buffer === buffer.buffer && bytes.byteOffset === buffer.byteOffset + chunk.length
      const stored = isThere ? bytes.length : bytes.copy(buffer, chunk.length, offset)
      chunk.length += stored
      offset += stored
      this.#received += stored
      // Nothing of a full one can be written to: the pool may have it back although no other room has been asked for.
      if (chunk.length === chunkBytes && chunk === this.#lent) this.#lent = undefined
    }
    return bytes.subarray(offset)
  }

  /** Keeps a chunk for one more reader; false: too many are kept, copy instead. Each true is paired with `unpin`. */
  pin(chunk: Chunk): boolean {
    if (chunk.readers === 0 && !this.#pool.pin()) return false
    chunk.readers++
    return true
  }

  unpin(chunk: Chunk): void {
    if (--chunk.readers === 0) this.#pool.unpin()
  }

  /**
   * Gives back what is written, what nobody reads, and what is not worth keeping for the next reader; of one that is
   * `over`, because it failed or is complete, all but what is being written.
   */
  tidy(over: boolean, isWriting: boolean): void {
    const isDone = (chunk: Chunk) =>
      chunk !== this.#lent &&
      chunk.readers === 0 &&
      (over ? !isWriting || chunk.written === chunk.length : chunk.written === chunkBytes)
    let keep = over || !this.#pool.isRoomy ? 0 : recentChunks
    for (let index = this.#chunks.length - 1; index >= 0; index--) {
      const chunk = this.#chunks[index]
      if (chunk === undefined || !isDone(chunk)) continue
      if (keep-- > 0) continue
      this.#chunks.splice(index, 1)
      this.#pool.give(chunk.buffer)
    }
  }

  /** The chunk that is being filled; another one when that is full. undefined: the pool has none. */
  #tail(): Chunk | undefined {
    const last = this.#chunks.at(-1)
    if (last !== undefined && last.length < chunkBytes) return last
    const buffer = this.#pool.take()
    if (buffer === undefined) return undefined
    const chunk = { buffer, start: this.#received, length: 0, written: 0, readers: 0 }
    this.#chunks.push(chunk)
    return chunk
  }
}
