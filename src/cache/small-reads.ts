import { read } from 'node:fs'
import { endOfFile, FileReadFailed } from './file-read-failed.ts'
import type { Lease } from './reader.ts'

/** What a reader may hold whose client does not take its bytes (64 KiB). */
export const smallBytes = 64 << 10

/**
 * Buffers kept for the next reads when nobody uses them: 16 MiB. What is used at once is bounded by the clients. Kept
 * generously: a buffer that is dropped stays resident until it is collected, while another is allocated in its place.
 */
const kept = 256

export interface SmallReads {
  /** At most 64 KiB of a file, read through libuv's own threads. */
  read(fd: number, position: number, length: number): Promise<Lease>
  /** A copy of at most 64 KiB of what is in memory. */
  copy(bytes: Uint8Array): Lease
}

/**
 * Leases of small buffers of one pool. It has no upper bound, so that nobody ever waits for a buffer that a slow client
 * holds.
 */
export function createSmallReads(): SmallReads {
  const free: Buffer[] = []
  const take = () => free.pop() ?? Buffer.allocUnsafeSlow(smallBytes)
  const give = (buffer: Buffer) => {
    if (free.length < kept) free.push(buffer)
  }
  const copy = (bytes: Uint8Array): Lease => {
    const buffer = take()
    const part = bytes.subarray(0, smallBytes)
    buffer.set(part)
    return lend(buffer.subarray(0, part.length), () => give(buffer))
  }
  const readInto = (fd: number, position: number, length: number) =>
    new Promise<Lease>((resolve, reject) => {
      const buffer = take()
      read(fd, buffer, 0, Math.min(length, smallBytes), position, (error, bytesRead) => {
        if (error === null && bytesRead > 0) return resolve(lend(buffer.subarray(0, bytesRead), () => give(buffer)))
        give(buffer)
        reject(new FileReadFailed(error?.errno ?? endOfFile, fd, position))
      })
    })
  return { read: readInto, copy }
}

/** A lease that gives its buffer back once, however often it is released: a second owner would get another's bytes. */
export function lend(bytes: Uint8Array, giveBack: () => void): Lease {
  let held = true
  return {
    bytes,
    release() {
      if (held) giveBack()
      held = false
    },
  }
}
