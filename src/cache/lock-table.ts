import { readFile, statSync } from '../disk/disk.ts'
import type { Layout } from './layout.ts'
import type { Space } from './space.ts'

/** Files of the cache's file system that were locked by anybody, in whatever process, at one moment. */
export interface LockTable {
  /** Without opening the file: its readers and its access time are not disturbed. */
  isLocked(path: string): Promise<boolean>
}

/**
 * The kernel's table of locks (proc(5)), of which one line is
 *
 *     8: OFDLCK ADVISORY  READ -1 fe:00:2146338 0 EOF
 *
 * undefined where it cannot be read or does not show our own locks. It names the file system by a number that need not
 * be the one in `stat`, so we look which one it gives for a lock that we hold.
 */
export function readLockTable(layout: Layout, space: Space, table = '/proc/locks'): Promise<LockTable | undefined> {
  return space.exclusively(async () => {
    const text = await readFile(table, 'latin1').catch(() => undefined) // hidden by a container or a sandbox
    if (text === undefined) return undefined
    const locks = [...text.matchAll(line)].map(([, device = '', inode = '']) => ({ device, inode }))
    const own = inodeOf(layout.spaceLock)
    const devices = new Set(locks.filter(({ inode }) => inode === own).map(({ device }) => device))
    if (devices.size === 0) return undefined
    const locked = new Set(locks.filter(({ device }) => devices.has(device)).map(({ inode }) => inode))
    locked.delete(own ?? '')
    return {
      async isLocked(path) {
        const inode = locked.size > 0 ? inodeOf(path) : undefined
        return inode !== undefined && locked.has(inode)
      },
    }
  })
}

const line = /^\d+: OFDLCK .* ([0-9a-f]+:[0-9a-f]+):(\d+) /gm

/**
 * As text: an inode number may be larger than a double can hold exactly. Synchronous: it is asked for every image in
 * turn, by programs that serve nobody meanwhile, and takes them a quarter of the time that way.
 */
const inodeOf = (path: string): string | undefined =>
  statSync(path, { bigint: true, throwIfNoEntry: false })?.ino.toString()
