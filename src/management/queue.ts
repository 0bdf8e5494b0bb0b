import pLimit from 'p-limit'
import { errorCode, isAbsent } from '../cache/error-code.ts'
import { isImageId } from '../cache/image-id.ts'
import type { Layout } from '../cache/layout.ts'
import { open, readdir, rm, stat, unlink } from '../disk/disk.ts'
import type { QueuedImage } from './management.ts'
import { type QueueNote, readQueueNote, writeQueueNote } from './queue-note.ts'

export type { QueueNote } from './queue-note.ts'

/**
 * Images that somebody wants in the cache: `queue/<id>`, an empty file each, as Glance makes them; whatever made it.
 * Ids must be image ids. Every method may run concurrently and beside other processes on the directory.
 */
export interface Queue {
  /** False when it is queued already: then nothing changes. */
  add(id: string): Promise<boolean>
  has(id: string): Promise<boolean>
  /** Undefined when it is not queued. */
  get(id: string): Promise<QueuedImage | undefined>
  /** By the time of the queue file, then by name. What is no image id is left out. */
  list(): Promise<QueuedImage[]>
  /** How many there are. */
  count(): Promise<number>
  /** Keeps what is to be known of an entry. Nothing is kept of one that is not queued (any more). */
  note(id: string, note: QueueNote): Promise<void>
  /** False when it was not queued. */
  remove(id: string): Promise<boolean>
  /** Removes all; gives how many. */
  clear(): Promise<number>
}

/** How many entries are looked at together. */
const together = 32

export function openQueue(layout: Layout): Queue {
  const limit = pLimit(together)

  /** What tells this entry from a later one of the same name. Undefined when there is none. */
  async function entryOf(id: string): Promise<{ inode: number; queuedAt: number; time: number } | undefined> {
    const stats = await stat(layout.queued(id)).catch((error: unknown) => {
      if (isAbsent(error)) return undefined
      throw error
    })
    if (stats?.isFile() !== true) return undefined
    return { inode: stats.ino, queuedAt: Math.round(stats.mtimeMs), time: stats.mtimeMs }
  }

  async function look(id: string): Promise<(QueuedImage & { time: number }) | undefined> {
    const entry = await entryOf(id)
    if (entry === undefined) return undefined
    const note = await readQueueNote(layout.queueNote(id), entry)
    const { immediate = false, attempts = 0, reason, retryAt } = note ?? {}
    return { id, queuedAt: entry.queuedAt, time: entry.time, immediate, attempts, reason, retryAt }
  }

  const ids = async () => (await readdir(layout.queueDir)).filter(isImageId)

  async function remove(id: string): Promise<boolean> {
    const removed = await unlink(layout.queued(id)).then(
      () => true,
      (error: unknown) => {
        if (isAbsent(error)) return false
        throw error
      },
    )
    await rm(layout.queueNote(id), { force: true })
    return removed
  }

  return {
    async add(id) {
      try {
        await (await open(layout.queued(id), 'wx', 0o640)).close()
        return true
      } catch (error) {
        if (errorCode(error) === 'EEXIST') return false
        throw error
      }
    },
    has: async (id) => (await entryOf(id)) !== undefined,
    async get(id) {
      const found = await look(id)
      return found && withoutTime(found)
    },
    async list() {
      const found = await Promise.all((await ids()).map((id) => limit(() => look(id))))
      return found
        .filter((entry) => entry !== undefined)
        .sort((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1))
        .map(withoutTime)
    },
    count: async () => (await ids()).length,
    async note(id, note) {
      const entry = await entryOf(id)
      if (entry === undefined) return
      await writeQueueNote(layout.queueNote(id), entry, note)
      // Taken out meanwhile, by a commit for one: what is known of it goes with it.
      if ((await entryOf(id)) === undefined) await rm(layout.queueNote(id), { force: true })
    },
    remove,
    async clear() {
      const removed = await Promise.all((await ids()).map((id) => limit(() => remove(id))))
      return removed.filter(Boolean).length
    },
  }
}

/** The time as the file system has it, finer than a millisecond, is for the order only. */
const withoutTime = ({ time: _, ...entry }: QueuedImage & { time: number }): QueuedImage => entry
