import { readSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { claim, finish, type ReadQueue } from './read-queue.ts'

// One reading thread: reads synchronously, so it needs no event loop, and is ended by terminate().

const queue: ReadQueue = workerData
const { arena, bufferSize, requests } = queue
const bytes = Buffer.from(arena)

/** errno of what libuv calls EIO: for the failure that has no number of its own. */
const unknownFailure = -5

for (;;) {
  const buffer = claim(queue)
  const [fd = -1, position = 0, length = 0] = requests.subarray(buffer * 3, buffer * 3 + 3)
  let result: number
  try {
    result = readSync(fd, bytes, buffer * bufferSize, length, position)
  } catch (error) {
    const errno = error instanceof Error && 'errno' in error ? error.errno : undefined
    result = typeof errno === 'number' && errno < 0 ? errno : unknownFailure
  }
  finish(queue, buffer, result)
}
