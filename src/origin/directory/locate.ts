import type { Dirent } from 'node:fs'
import { lstat, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { type FileStamp, stampOf } from './file-stamp.ts'
import { isAbsent } from './system-code.ts'

/** A regular file that may be served, or why it may not. */
export type Located = Readonly<{ path: string; stamp: FileStamp }> | Readonly<{ complaint: string }>

/**
 * Follows a link to the file that it leads to; undefined when that is no file (any more). A link that leads out of the
 * directory is trusted as far as its owner is: root and whoever runs this program may serve any file, others only what
 * is their own. So nobody who may merely put files here gets at another's.
 */
export async function locate(dir: string, entry: Dirent): Promise<Located | undefined> {
  const path = join(dir, entry.name)
  try {
    const own = await lstat(path)
    if (own.isFile()) return { path, stamp: stampOf(own) }
    if (!own.isSymbolicLink()) return undefined
    const target = await realpath(path)
    const stats = await stat(target)
    if (!stats.isFile()) return undefined
    const trusted = [0, process.getuid?.(), stats.uid].includes(own.uid)
    if (trusted || target.startsWith((await realpath(dir)) + sep)) return { path: target, stamp: stampOf(stats) }
    return { complaint: `the link leads out of the directory, to another user's file (${target})` }
  } catch (error) {
    if (!isAbsent(error)) return { complaint: String(error) }
    // A file that went away meanwhile is no matter; one that was never there under this name is not spelled in UTF-8.
    return entry.name.includes('\ufffd') ? { complaint: 'its name is not UTF-8: rename it' } : undefined
  }
}
