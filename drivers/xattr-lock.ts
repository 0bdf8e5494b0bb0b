import { closeSync, openSync } from 'node:fs'
import { tryLock, unlock } from 'fs-native-extensions'

const boundMs = 5000
const sleeper = new Int32Array(new SharedArrayBuffer(4))

/**
 * One lock for what reads an attribute and writes it back, among all processes that use the directory: no hit of
 * theirs is lost. Glance does not know it, and may lose one beside us, as it does by itself. Each holder is done within
 * microseconds, so one lock for all images is enough. It dies with its process.
 */
export function openLock(path: string) {
  const fd = openSync(path, 'a')
  return {
    /** Runs `work`, which must be synchronous. Blocks the thread while another process holds the lock. */
    hold<T>(work: () => T): T {
      const end = performance.now() + boundMs
      while (!tryLock(fd)) {
        if (performance.now() >= end) throw new Error(`${path} has been locked by another process for ${boundMs} ms`)
        Atomics.wait(sleeper, 0, 0, 1)
      }
      try {
        return work()
      } finally {
        unlock(fd)
      }
    },
    close: (): void => closeSync(fd),
  }
}
