import { open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import pLimit from 'p-limit'
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
    const deadline = Date.now() + patienceMs
    return oneAtATime(async () => {
      const handle = await open(lockFile, 'a', 0o640)
      try {
        while (!tryLockExclusive(handle.fd)) {
          if (Date.now() > deadline) throw new Error(`${lockFile} was held by another process for ${patienceMs} ms`)
          await delay(retryMs)
        }
        return await work()
      } finally {
        await handle.close()
      }
    })
  }
}
