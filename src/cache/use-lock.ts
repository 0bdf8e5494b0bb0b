import { type FileHandle, open } from '../disk/disk.ts'
import type { Layout } from './layout.ts'
import { tryLockExclusive, tryLockShared } from './lock.ts'

/**
 * Every program that works on a cache directory holds this for as long as it does, beside all the others; it ends with
 * its process. Rejects while the metadata is moved to another driver.
 */
export function useDirectory(layout: Layout): Promise<FileHandle> {
  const problem = 'is being worked on by afterimage-cache-manage migrate: wait until it is done'
  return locked(layout, (fd) => tryLockShared(fd), problem)
}

/** Alone on the directory, for what no other program may see half done. Rejects while any works on it. */
export function ownDirectory(layout: Layout): Promise<FileHandle> {
  return locked(layout, (fd) => tryLockExclusive(fd), 'is in use: end the server and every other program on it first')
}

async function locked(layout: Layout, tryLock: (fd: number) => boolean, problem: string): Promise<FileHandle> {
  const handle = await open(layout.useLock, 'a+', 0o640)
  if (tryLock(handle.fd)) return handle
  await handle.close()
  throw new Error(`${layout.dir} ${problem}`)
}
