import { unlock as release, tryDowngradeLock, tryLock } from '../disk/disk.ts'

/**
 * Open-file-description locks: they belong to one opened file, conflict within a process as well as between
 * processes, and die with their owner however it ends.
 */

/** Claims the file for its only writer; false when somebody writes or reads it. Needs a descriptor open for writing. */
export const tryLockExclusive = (fd: number): boolean => tryLock(fd)

/** Joins the readers of the file; false when somebody owns it exclusively. */
export const tryLockShared = (fd: number): boolean => tryLock(fd, { shared: true })

/** Claims one byte, which need not be there, for its only owner; false when another description has it. */
export const tryLockByte = (fd: number, offset: number): boolean => tryLock(fd, offset, 1)

export const unlockByte = (fd: number, offset: number): void => release(fd, offset, 1)

/** The writer becomes a reader. */
export const downgradeLock = (fd: number): boolean => tryDowngradeLock(fd)

export const unlock = (fd: number): void => release(fd)
