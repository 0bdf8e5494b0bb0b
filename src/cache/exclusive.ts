import { setTimeout as delay } from 'node:timers/promises'
import pLimit from 'p-limit'
import { closeSync, openSync } from '../disk/disk.ts'
import { tryLockExclusive } from './lock.ts'

export type Exclusive = <T>(work: () => Promise<T>) => Promise<T>

const retryMs = 5

/**
 * Runs one piece of work at a time among all processes that use the same lock file: in this process by queueing, among
 * processes by a lock that ends with its owner. Gives up after `patienceMs`: the work behind it takes milliseconds, so
 * a longer wait means that something is stuck, and a download must not wait for it.
 */
export function exclusiveBy(lockFile: string, patienceMs = 10_000): Exclusive {
  const oneAtATime = pLimit(1)
  return (work) => {
    const deadline = performance.now() + patienceMs
    return oneAtATime(async () => {
      // Of a file that is always there this takes microseconds; in turn with what other threads do, the client of a miss
      // would wait for it twice.
      const fd = openSync(lockFile, 'a', 0o640)
      try {
        while (!tryLockExclusive(fd)) {
          if (performance.now() > deadline)
            throw new Error(`${lockFile} was held by another process for ${patienceMs} ms`)
          await delay(retryMs)
        }
        return await work()
      } finally {
        close(fd)
      }
    })
  }
}

/** Whatever it says, the descriptor has gone and the lock with it: what was done under that lock counts. */
function close(fd: number): void {
  try {
    closeSync(fd)
  } catch {}
}
