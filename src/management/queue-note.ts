import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, writeFile } from '../disk/disk.ts'
import type { QueuedImage } from './management.ts'

/** What is known of a queue entry beyond that it is there. See QueuedImage. */
export type QueueNote = Readonly<Pick<QueuedImage, 'immediate' | 'attempts' | 'reason' | 'retryAt'>>

/** The queue file that a note is about: one that was made or touched since begins anew. */
export type QueueFile = Readonly<{ inode: number; queuedAt: number }>

/** Written whole under a temporary name first: a reader sees the old one, the new one, or none. */
export async function writeQueueNote(path: string, { inode, queuedAt }: QueueFile, note: QueueNote): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    await writeFile(temporary, `${JSON.stringify({ inode, queuedAt, ...note })}\n`, { mode: 0o640 })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/**
 * Undefined when there is none, or what is there is about an older entry, no note of ours or not to be read (made by a
 * program that ran as another user): the entry itself needs none.
 */
export async function readQueueNote(path: string, file: QueueFile): Promise<QueueNote | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const fields = parse(text)
  if (fields.get('inode') !== file.inode || fields.get('queuedAt') !== file.queuedAt) return undefined
  const [attempts, reason, retryAt] = [fields.get('attempts'), fields.get('reason'), fields.get('retryAt')]
  return {
    immediate: fields.get('immediate') === true,
    attempts: typeof attempts === 'number' ? attempts : 0,
    reason: typeof reason === 'string' ? reason : undefined,
    retryAt: typeof retryAt === 'number' ? retryAt : undefined,
  }
}

function parse(text: string): ReadonlyMap<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return new Map(Object.entries(value))
  } catch {
    // Somebody else's words: no note.
  }
  return new Map()
}
