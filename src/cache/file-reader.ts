import { read } from '../disk/disk.ts'
import { endOfFile, FileReadFailed } from './file-read-failed.ts'
import type { Lease } from './reader.ts'

/** What a reader may hold whose client does not take its bytes (64 KiB). */
export const smallBytes = 64 << 10

/**
 * Buffers kept for the next reads when nobody uses them: 16 MiB. What is used at once is bounded by the clients. Kept
 * generously: a buffer that is dropped stays resident until it is collected, while another is allocated in its place.
 */
const kept = 256

/**
 * Reads of files for everybody, into buffers of one pool. It has no upper bound, so that nobody ever waits for a buffer that
 * a slow client holds. Most bytes do not come this way: the kernel sends them (sendfile/).
 */
export interface FileReader {
  /**
   * Bytes of `fd` from `position`: at least one, at most `length` and 64 KiB, read in libuv's own threads. Rejects with a
   * FileReadFailed. The descriptor must stay open until the promise settles; it is closed by its owner.
   */
  read(fd: number, position: number, length: number): Promise<Lease>
  /** A copy of at most 64 KiB of what is in memory, for a reader that must not pin where it lies. */
  copy(bytes: Uint8Array): Lease
}

export function openFileReader(): FileReader {
  const free: Buffer[] = []
  const take = () => free.pop() ?? Buffer.allocUnsafeSlow(smallBytes)
  const give = (buffer: Buffer) => {
    if (free.length < kept) free.push(buffer)
  }
  return {
    read: (fd, position, length) =>
      new Promise<Lease>((resolve, reject) => {
        const buffer = take()
        read(fd, buffer, 0, Math.min(length, smallBytes), position, (error, bytesRead) => {
          if (error === null && bytesRead > 0) return resolve(lend(buffer.subarray(0, bytesRead), () => give(buffer)))
          give(buffer)
          reject(new FileReadFailed(error?.errno ?? endOfFile, fd, position))
        })
      }),
    copy(bytes) {
      const buffer = take()
      const part = bytes.subarray(0, smallBytes)
      buffer.set(part)
      return lend(buffer.subarray(0, part.length), () => give(buffer))
    },
  }
}

/** A lease that gives its buffer back once, however often it is released: a second owner would get another's bytes. */
function lend(bytes: Uint8Array, giveBack: () => void): Lease {
  let held = true
  return {
    bytes,
    release() {
      if (held) giveBack()
      held = false
    },
  }
}
