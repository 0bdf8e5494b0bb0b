import { ftruncate, write } from '../disk/disk.ts'

/** What is looked at together (bytes): a multiple of every file system's block, so that what is skipped is never stored. */
const pieceBytes = 64 << 10
const zeros = Buffer.alloc(pieceBytes)

/**
 * Writes a file from its beginning to its end, and leaves out what is zero: disk images are mostly empty space. Bytes
 * and length are the same as if it had been written. Only behind the file's end, for what lies before it may be
 * anything: the remains of a fill that a power cut has ended.
 */
export class SparseWriter {
  readonly #fd: number
  #end: number

  /** `end`: the file's length now. */
  constructor(fd: number, end: number) {
    this.#fd = fd
    this.#end = end
  }

  /** Writes the first of `bytes` at `position`, as write(2) does; gives how many are in the file now, at least one. */
  async write(bytes: Buffer, position: number): Promise<number> {
    const run = this.#firstRun(bytes, position)
    if (run.isHole) {
      await ftruncate(this.#fd, position + run.length)
      this.#end = position + run.length
      return run.length
    }
    const { bytesWritten } = await write(this.#fd, bytes, 0, run.length, position)
    this.#end = Math.max(this.#end, position + bytesWritten)
    return bytesWritten
  }

  /** Pieces end where they would in the whole file, so that holes lie on its blocks. */
  #firstRun(bytes: Buffer, position: number): Readonly<{ isHole: boolean; length: number }> {
    let isHole: boolean | undefined
    let length = 0
    while (length < bytes.length) {
      const at = position + length
      const next = Math.min(bytes.length, length + pieceBytes - (at % pieceBytes))
      const isEmpty = at >= this.#end && bytes.compare(zeros, 0, next - length, length, next) === 0
      isHole ??= isEmpty
      if (isEmpty !== isHole) break
      length = next
    }
    return { isHole: isHole === true, length }
  }
}
