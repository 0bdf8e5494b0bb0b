import type { Stats } from 'node:fs'

/**
 * What tells one content of a file from the next: size in bytes and modification time in Unix milliseconds with their
 * fraction. The inode is left out on purpose: some FUSE file systems give a file another one at every look.
 */
export type FileStamp = Readonly<{ size: number; modifiedAt: number }>

export const stampOf = (stats: Stats): FileStamp => ({ size: stats.size, modifiedAt: stats.mtimeMs })

export const sameStamp = (a: FileStamp | undefined, b: FileStamp | undefined): boolean =>
  a?.size === b?.size && a?.modifiedAt === b?.modifiedAt
