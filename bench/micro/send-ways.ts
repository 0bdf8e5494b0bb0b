import { once } from 'node:events'
import { createReadStream, read } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { openFileReader } from '../../src/cache/file-reader.ts'
import { sendBody } from '../../src/http/send.ts'
import { openSendfile } from '../../src/sendfile/sendfile.ts'

/** Writes the whole file `path`, open as `fd` and of `size` bytes, to a response whose head is set, and ends it. */
export type Way = (outgoing: ServerResponse, fd: number, size: number, path: string) => Promise<unknown>

/** What the server of this benchmark can be: the real send path, and what was weighed against it. */
export const ways: Readonly<Record<string, () => Way>> = {
  'Afterimage: sendfile in threads of its own': () => {
    const files = openFileReader()
    const opening = openSendfile()
    return async (outgoing, fd, size) => {
      const reader = {
        size,
        read: (position: number, max: number) => files.read(fd, position, max),
        span: (position: number, max: number) => ({
          fd,
          end: Math.min(size, position + max),
          isInMemory: false,
          isSparse: false,
          release() {},
        }),
        close() {},
      }
      const sendfile = await opening
      return sendBody(outgoing, reader, 0, size, { idleTimeoutMs: 60_000, sendfile })
    }
  },
  'the same loop with fs.read, 512 KiB': () => withFsRead(512 << 10),
  'the same loop with fs.read, 64 KiB': () => withFsRead(64 << 10),
  'createReadStream, 1 MiB, pipe': () => piped(1 << 20),
  'createReadStream, 64 KiB, pipe': () => piped(64 << 10),
}

function piped(highWaterMark: number): Way {
  return async (outgoing, _fd, _size, path) => {
    createReadStream(path, { highWaterMark }).pipe(outgoing)
    await once(outgoing, 'close')
  }
}

/** libuv's threads instead of our own; everything else is the same. */
function withFsRead(largest: number): Way {
  const free: Buffer[] = []
  return (outgoing, fd, size) => {
    const reader = {
      size,
      read: (position: number, max: number) =>
        new Promise<{ bytes: Buffer; release(): void }>((resolve, reject) => {
          const buffer = free.pop() ?? Buffer.allocUnsafeSlow(largest)
          read(fd, buffer, 0, Math.min(max, largest), position, (error, bytesRead) => {
            if (error) reject(error)
            else resolve({ bytes: buffer.subarray(0, bytesRead), release: () => free.push(buffer) })
          })
        }),
      span: () => undefined,
      close() {},
    }
    return sendBody(outgoing, reader, 0, size, { idleTimeoutMs: 60_000 })
  }
}
