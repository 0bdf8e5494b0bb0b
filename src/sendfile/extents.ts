import { writeSync } from 'node:fs'
import { close, createMemoryFile, errno, seekData, seekHole, sizeOf } from './libc.ts'
import type { Stretch } from './shared.ts'

/** As much as is sent in one turn (bytes). */
const zeroBytes = 1 << 20
const noMoreData = 6 // ENXIO
let zeros: number | undefined

/** What to send next: `length` bytes of `fd` from `at`. */
export type Piece = Readonly<{ fd: number; at: number; length: number }>

/**
 * Where the bytes of a stretch are to be had. A hole is sent from a file of zeros that lies in memory: the kernel would
 * make a page of zeros for each of its pages otherwise, which takes three times as long as to send data.
 */
export class Extents {
  readonly #fd: number
  readonly #end: number
  #isSparse: boolean
  /** Up to here (exclusive) all is data, or all is hole. */
  #edge: number
  #isHole = false

  constructor({ fd, position, end, isSparse }: Stretch) {
    this.#fd = fd
    this.#end = end
    this.#isSparse = isSparse
    this.#edge = isSparse ? position : end
  }

  at(position: number): Piece {
    if (position >= this.#edge) this.#look(position)
    const length = this.#edge - position
    if (!this.#isHole) return { fd: this.#fd, at: position, length }
    zeros ??= fileOfZeros()
    // No descriptor to be had: the hole is read like data.
    if (zeros === undefined) return { fd: this.#fd, at: position, length }
    return { fd: zeros, at: 0, length: Math.min(length, zeroBytes) }
  }

  #look(position: number): void {
    this.#isHole = false
    this.#edge = this.#end
    if (!this.#isSparse) return
    const data = seekData(this.#fd, position)
    // No more data: a hole to the end, of the file as it is now. Without one it has been cut short: sending from it says so.
    const next = data < 0 && errno() === noMoreData ? sizeOf(this.#fd) : data
    this.#isHole = next > position
    const edge = this.#isHole ? next : seekHole(this.#fd, position)
    // A file system that cannot say: its holes are read like data.
    if (edge > position) this.#edge = Math.min(edge, this.#end)
    else this.#isSparse = false
  }
}

function fileOfZeros(): number | undefined {
  const fd = createMemoryFile('afterimage zeros')
  if (fd < 0) return undefined
  writeSync(fd, new Uint8Array(zeroBytes))
  return fd
}

/** At the end of a thread: no descriptor goes with it. */
export function closeZeros(): void {
  if (zeros !== undefined) close(zeros)
  zeros = undefined
}
