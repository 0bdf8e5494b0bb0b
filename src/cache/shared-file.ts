import type { FileHandle } from '../disk/disk.ts'
import type { Span } from './reader.ts'

/**
 * One opened file with several users. It is closed when the last has let go: a descriptor closed under a read that is
 * under way in another thread could be reused for another file, and the read would get that file's bytes.
 */
export interface SharedFile {
  readonly fd: number
  readonly handle: FileHandle
  /** Its close, from when the last user has let go. Never rejects. */
  readonly closing: Promise<void> | undefined
  hold(): void
  drop(): void
}

/** The caller is the first user. `onClose` runs once, after the close; a failing close is reported to it. */
export function shareFile(handle: FileHandle, onClose?: (error: unknown) => void): SharedFile {
  let users = 1
  let closing: Promise<void> | undefined
  return {
    fd: handle.fd,
    handle,
    get closing() {
      return closing
    },
    hold() {
      // The number may mean another file by now: reading it would give that file's bytes to this one's readers.
      if (users === 0) throw new Error('the file has been closed')
      users++
    },
    drop() {
      if (--users > 0) return
      closing = handle.close().then(() => onClose?.(undefined), onClose ?? (() => {}))
    },
  }
}

/** Lends the file up to `end` (exclusive). */
export function spanOf(file: SharedFile, end: number, { isInMemory = false, isSparse = false } = {}): Span {
  file.hold()
  let held = true
  return {
    fd: file.fd,
    end,
    isInMemory,
    isSparse,
    release() {
      if (held) file.drop()
      held = false
    },
  }
}
