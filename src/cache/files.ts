import { setTimeout as delay } from 'node:timers/promises'
import {
  constants,
  type FileHandle,
  fstatSync,
  open,
  rename,
  type Stats,
  stat,
  statSync,
  unlink,
} from '../disk/disk.ts'
import { errorCode, isAbsent } from './error-code.ts'
import type { Layout } from './layout.ts'
import { downgradeLock, tryLockExclusive, tryLockShared } from './lock.ts'
import { syncDirectory } from './sync.ts'

const fileMode = 0o640

/**
 * Who removes an image may find, once it has the lock, that the image stays; who asks whether it is read has the lock
 * for an instant. A reader waits that out: to take it for a miss would be a download.
 */
const looksAtLocked = 5

/** A committed image, open for reading under a shared lock: no pruner of any process removes it before it is closed. */
export type Committed = Readonly<{ handle: FileHandle; stats: Stats }>

/** `incomplete/<id>` under an exclusive lock: the only writer of that image, among all processes. */
export type Owned = Readonly<{ id: string; handle: FileHandle; inode: number; size: number; blocks: number }>

/** What became of a committed file that was to be removed; an `unlinked` one still occupies disk until it is closed. */
export type Removal =
  | Readonly<{ kind: 'absent' }>
  | Readonly<{ kind: 'in-use' }>
  | Readonly<{ kind: 'kept' }>
  | Readonly<{ kind: 'removed'; size: number }>
  | Readonly<{ kind: 'unlinked'; size: number; handle: FileHandle }>

/**
 * The only module that creates, opens, renames and removes image files. Nobody else joins an id to a path of image
 * bytes. Locks are explained in lock.ts; they make each of these safe beside every other process on the directory.
 */
export interface Files {
  /** undefined when there is no such file, or its owner has it exclusively (committing, evicting). */
  openCommitted(id: string): Promise<Committed | undefined>
  /** Whether there is something of that name, proven or not, in use or not. */
  hasCommitted(id: string): Promise<boolean>
  /** Claims `incomplete/<id>`, creating it if need be; undefined when another owner has it. */
  claim(id: string): Promise<Owned | undefined>
  /** The same place with a new, empty file: followers of the old one keep what they have (never truncated). */
  startOver(owned: Owned): Promise<Owned>
  /** Moves the claimed file into its place, durably. False when it is no longer the file that was claimed. */
  commit(owned: Owned): Promise<boolean>
  /** Sets the claimed file aside in `invalid/`, replacing an older one. It stays open. */
  invalidate(owned: Owned): Promise<void>
  /** Removes the claimed file's name. It stays open. */
  discard(owned: Owned): Promise<void>
  /** Takes a committed file back into `incomplete/`, owned, so that it can be proven again. undefined when it is in use or gone. */
  demote(id: string): Promise<Owned | undefined>
  /**
   * Removes a committed file; one that is being read only if `evenIfRead`. `forget` runs before the file goes: run
   * afterwards it could drop what is known about a new file that has been committed in between. `mayGo` is asked
   * before, when the lock is held: what it sees cannot be changed by whoever opens the image first.
   */
  remove(id: string, evenIfRead: boolean, forget: () => Promise<void>, mayGo?: () => Promise<boolean>): Promise<Removal>
  /** Whether a committed file is being read. Locks it for an instant: where /proc/locks can be read, ask that. */
  isInUse(id: string): Promise<boolean>
  /**
   * Moves this committed file into `invalid/`, replacing an older one; `forget` runs before, as in `remove`. Who is
   * reading it keeps it open. Gives its size; undefined when `<id>` is another file by now, or is about to be.
   */
  setAside(id: string, inode: number, forget: () => Promise<void>): Promise<number | undefined>
  /** For another process's growing file: reading only, no lock. */
  openIncomplete(id: string): Promise<FileHandle | undefined>
  /** Whether `<id>` is this very file. */
  isCommitted(id: string, inode: number): Promise<boolean>
  /** Whether this very file was set aside because its bytes are wrong. */
  isInvalid(id: string, inode: number): Promise<boolean>
}

/** Before an image's file is wanted alone, `giveWay` has those of this process close it who keep it only for the next. */
export function openFiles(layout: Layout, giveWay: (id: string) => Promise<void> = async () => {}): Files {
  const statOf = (path: string) =>
    stat(path).catch((error: unknown) => {
      if (isAbsent(error)) return undefined
      throw error
    })

  /**
   * Opens, locks, and looks whether the name still means the file that was locked: between open and lock it may have
   * been committed or removed by its last owner, and then the lock is on a file that is nobody's incomplete any more.
   */
  async function claimPath(id: string, path: string, flags: number): Promise<Owned | undefined> {
    for (;;) {
      const handle = await open(path, flags, fileMode)
      try {
        if (!tryLockExclusive(handle.fd)) {
          await handle.close()
          return undefined
        }
        // Of a file that was opened just now neither waits for the disk, as a turn in another thread would wait for it.
        const [mine, named] = [fstatSync(handle.fd), statSync(path, { throwIfNoEntry: false })]
        if (named?.ino === mine.ino) return { id, handle, inode: mine.ino, size: mine.size, blocks: mine.blocks }
      } catch (error) {
        await handle.close()
        throw error
      }
      await handle.close()
    }
  }

  async function lookForCommitted(id: string): Promise<Committed | 'locked' | undefined> {
    const handle = await openUnnoticed(layout.committed(id))
    if (handle === undefined) return undefined
    let locked = false
    try {
      const stats = await handle.stat()
      locked = !tryLockShared(handle.fd)
      // No links left: evicted between our open and our lock.
      if (!locked && stats.isFile() && (await handle.stat()).nlink > 0) return { handle, stats }
    } catch (error) {
      await handle.close()
      throw error
    }
    await handle.close()
    return locked ? 'locked' : undefined
  }

  const openForRemoval = (path: string) =>
    open(path, constants.O_RDWR | constants.O_NOFOLLOW).catch((error: unknown) => {
      if (isNoFile(error)) return undefined
      throw error
    })

  const claim = (id: string) =>
    claimPath(id, layout.incomplete(id), constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW)

  const isNamed = async (owned: Owned) => (await statOf(layout.incomplete(owned.id)))?.ino === owned.inode

  return {
    async openCommitted(id) {
      for (let look = 1; ; look++) {
        const found = await lookForCommitted(id)
        if (found !== 'locked') return found
        if (look === looksAtLocked) return undefined
        await delay(1)
      }
    },

    hasCommitted: async (id) => (await statOf(layout.committed(id))) !== undefined,

    claim,

    async startOver(owned) {
      if (await isNamed(owned)) await unlink(layout.incomplete(owned.id))
      const next = await claim(owned.id)
      await owned.handle.close()
      if (next === undefined)
        throw new Error(`incomplete/${owned.id} was claimed by another process while starting over`)
      return next
    },

    async commit(owned) {
      if (!(await isNamed(owned))) return false
      if (!(await unlessAbsent(rename(layout.incomplete(owned.id), layout.committed(owned.id))))) return false
      // From now on it is read like any other; nobody writes it any more.
      downgradeLock(owned.handle.fd)
      await syncDirectory(layout.dir)
      return true
    },

    async invalidate(owned) {
      if (await isNamed(owned)) await unlessAbsent(rename(layout.incomplete(owned.id), layout.invalid(owned.id)))
    },

    async discard(owned) {
      if (await isNamed(owned)) await unlessAbsent(unlink(layout.incomplete(owned.id)))
    },

    async demote(id) {
      await giveWay(id)
      const place = await claim(id)
      if (place === undefined) return undefined
      let committed: Owned | undefined
      try {
        const path = layout.committed(id)
        committed = await claimPath(id, path, constants.O_RDWR | constants.O_NOFOLLOW).catch((error: unknown) => {
          if (isAbsent(error)) return undefined
          throw error
        })
        if (committed !== undefined) await rename(path, layout.incomplete(id))
        else if (place.size === 0) await unlink(layout.incomplete(id))
        return committed
      } catch (error) {
        await committed?.handle.close()
        throw error
      } finally {
        await place.handle.close()
      }
    },

    async remove(id, evenIfRead, forget, mayGo = async () => true) {
      await giveWay(id)
      const path = layout.committed(id)
      const handle = await openForRemoval(path)
      if (handle === undefined) return { kind: 'absent' }
      let kept = false
      try {
        const alone = tryLockExclusive(handle.fd)
        if (!alone && !evenIfRead) return { kind: 'in-use' }
        const mine = await handle.stat()
        const isNamed = async () => (await statOf(path))?.ino === mine.ino
        if (!(await isNamed())) return { kind: 'absent' }
        if (!(await mayGo())) return { kind: 'kept' }
        await forget()
        if (!(await isNamed())) return { kind: 'absent' }
        // Somebody else who need not wait for readers was quicker.
        if (!(await unlessAbsent(unlink(path)))) return { kind: 'absent' }
        kept = !alone
        // Whoever opened it since may keep it as well.
        if (kept) await giveWay(id)
        return alone ? { kind: 'removed', size: mine.size } : { kind: 'unlinked', size: mine.size, handle }
      } finally {
        if (!kept) await handle.close()
      }
    },

    async isInUse(id) {
      await giveWay(id)
      const handle = await openForRemoval(layout.committed(id))
      if (handle === undefined) return false
      try {
        return !tryLockExclusive(handle.fd)
      } finally {
        await handle.close()
      }
    },

    async setAside(id, inode, forget) {
      await giveWay(id)
      // Whoever commits owns this place: until it is given back `<id>` can go, but not become another file.
      const place = await claim(id)
      if (place === undefined) return undefined
      try {
        const named = await statOf(layout.committed(id))
        if (named?.ino !== inode) return undefined
        await forget()
        return (await unlessAbsent(rename(layout.committed(id), layout.invalid(id)))) ? named.size : undefined
      } finally {
        if (place.size === 0) await unlessAbsent(unlink(layout.incomplete(id))).finally(() => place.handle.close())
        else await place.handle.close()
      }
    },

    openIncomplete: (id) => openUnnoticed(layout.incomplete(id)),

    async isCommitted(id, inode) {
      return (await statOf(layout.committed(id)))?.ino === inode
    },

    async isInvalid(id, inode) {
      return (await statOf(layout.invalid(id)))?.ino === inode
    },
  }
}

/**
 * Opens for reading without moving the access time, which is the xattr driver's record of hits: our own reads are
 * none. Only a file's owner may ask for that; for others' files the time may move as on any read.
 */
async function openUnnoticed(path: string): Promise<FileHandle | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW
  try {
    return await open(path, flags | constants.O_NOATIME).catch((error: unknown) => {
      if (errorCode(error) === 'EPERM') return open(path, flags)
      throw error
    })
  } catch (error) {
    if (isNoFile(error)) return undefined
    throw error
  }
}

/** There is nothing of this name, or a link or a directory that somebody put there: no image. */
const isNoFile = (error: unknown): boolean => ['ENOENT', 'ELOOP', 'EISDIR'].includes(errorCode(error) ?? '')

/** False when what it was about has gone meanwhile: somebody removed the name after we had looked. */
const unlessAbsent = (work: Promise<void>): Promise<boolean> =>
  work.then(
    () => true,
    (error: unknown) => {
      if (isAbsent(error)) return false
      throw error
    },
  )
