import { basename, join } from 'node:path'
import { isAbsent } from '../cache/error-code.ts'
import { isImageId } from '../cache/image-id.ts'
import type { Layout } from '../cache/layout.ts'
import { lstat, readdir, readFile } from '../disk/disk.ts'

/**
 * A file that is of no use any more. `invalid`: did not match what was declared; `stalled`: incomplete, and not changed
 * for the stall time; `left-over`: a temporary file, or a note about nothing.
 */
export type Garbage = Readonly<{
  kind: 'invalid' | 'stalled' | 'left-over'
  /** Of the image, or of the file. */
  name: string
  path: string
  /** Bytes. */
  size: number
  inode: number
}>

/** Whoever writes a file under a temporary name is done with it long before. */
const leftOverMs = 600_000

/** What Glance's xattr driver writes into its probe file, which it leaves behind when the probe fails. */
const probe = { name: 'checkme', text: 'XXX' }

/** Looks only. What is no file, or has no name of ours or of Glance's, is not ours to remove. */
export async function* garbage(layout: Layout, stallMs: number): AsyncIterable<Garbage> {
  for (const name of (await readdir(layout.invalidDir)).filter(isImageId)) {
    const file = await fileAt(layout.invalid(name))
    if (file !== undefined) yield { ...file, kind: 'invalid', name }
  }
  for (const name of (await readdir(layout.incompleteDir)).filter(isImageId)) {
    const file = await stalled(layout, name, stallMs)
    if (file !== undefined) yield file
  }
  yield* leftOvers(layout)
}

/** Undefined when it is not, or not any more. Who owns it is not asked here. */
export async function stalled(layout: Layout, id: string, stallMs: number): Promise<Garbage | undefined> {
  const file = await fileAt(layout.incomplete(id))
  if (file === undefined) return undefined
  // A file that was moved back to be proven keeps its time; the record of its fill is new.
  const recordedAt = (await fileAt(layout.fillRecord(id)))?.changedAt ?? 0
  if (!isOld(Math.max(file.changedAt, recordedAt), stallMs)) return undefined
  return { ...file, kind: 'stalled', name: id }
}

async function* leftOvers(layout: Layout): AsyncIterable<Garbage> {
  const paths = [
    ...(await inside(layout.ownDir)).filter(
      (path) => path.endsWith('.tmp') || basename(path).startsWith('xattr-probe-'),
    ),
    ...(await inside(layout.queueNotesDir)),
  ]
  const queued = new Set(await readdir(layout.queueDir))
  for (const path of paths) {
    const name = basename(path)
    const file = queued.has(name) ? undefined : await fileAt(path)
    if (file !== undefined && isOld(file.changedAt, leftOverMs)) yield leftOver(name, file)
  }
  const file = await fileAt(join(layout.dir, probe.name))
  if (file !== undefined && file.size <= probe.text.length && isOld(file.changedAt, leftOverMs)) {
    if (probe.text.startsWith(await readFile(file.path, 'latin1'))) yield leftOver(probe.name, file)
  }
}

type Found = Readonly<{ path: string; size: number; inode: number; changedAt: number }>

const leftOver = (name: string, found: Found): Garbage => ({ ...found, kind: 'left-over', name })

const isOld = (changedAt: number, ms: number): boolean => ms === 0 || Date.now() - changedAt >= ms

const inside = async (dir: string) => (await readdir(dir)).map((name) => join(dir, name))

/** undefined when there is none, or it is no regular file. */
async function fileAt(path: string): Promise<Found | undefined> {
  try {
    const stats = await lstat(path)
    return stats.isFile() ? { path, size: stats.size, inode: stats.ino, changedAt: stats.mtimeMs } : undefined
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}
