import type { Driver } from '../../drivers/driver.ts'
import { lstat, readdir } from '../disk/disk.ts'
import { isAbsent } from './error-code.ts'
import { isImageId } from './image-id.ts'
import type { Layout } from './layout.ts'

export type OrphanTools = Readonly<{ layout: Layout; driver: Driver }>

/**
 * What has lost the other half. `entry`: metadata whose file has gone. `file`: a committed file that the driver does
 * not know. `record`: a fill's record without its file; `draft`: one that was never finished. `queued`: a queue entry
 * of an image that is cached and proven.
 */
export type Orphan = Readonly<{ kind: 'entry' | 'file' | 'record' | 'draft' | 'queued'; id: string }>

/** Metadata and disk compared. Sizes are bytes. */
export type Comparison = Readonly<{
  orphans: readonly Orphan[]
  /** Of all committed images: `entry` orphans are not counted, `file` orphans are. */
  committed: number
  /** Of what the driver takes for images although it is none of ours. */
  strangers: number
}>

/**
 * Looks for orphans, and changes nothing. They are what two listings say, taken one after the other beside others' work:
 * whoever repairs one looks again (`isOrphan`) while the image's place is claimed.
 */
export async function compare({ layout, driver }: OrphanTools): Promise<Comparison> {
  const onDisk = new Set((await readdir(layout.dir)).filter(isImageId))
  const known = await driver.sizes()
  const orphans: Orphan[] = []
  let committed = 0
  let strangers = 0
  for (const [id, size] of known) {
    if (!isImageId(id)) strangers += size
    else if (onDisk.has(id)) committed += size
    else orphans.push({ kind: 'entry', id })
  }
  for (const id of onDisk) {
    const stats = known.has(id) ? undefined : await statOf(layout.committed(id))
    if (stats?.isFile() !== true) continue
    orphans.push({ kind: 'file', id })
    committed += stats.size
  }
  const incomplete = new Set(await readdir(layout.incompleteDir))
  for (const name of await readdir(layout.fillsDir)) {
    const id = name.replace(/\.tmp$/, '')
    if (!isImageId(id)) continue
    if (name !== id) orphans.push({ kind: 'draft', id })
    else if (!incomplete.has(id)) orphans.push({ kind: 'record', id })
  }
  for (const id of await readdir(layout.queueDir)) {
    if (!onDisk.has(id)) continue
    // One that the driver does not know is admitted first, and may prove to be cached by that.
    if (!known.has(id) || (await driver.get(id))?.facts !== undefined) orphans.push({ kind: 'queued', id })
  }
  return { orphans, committed, strangers }
}

/** Whether it is one now. */
export async function isOrphan({ layout, driver }: OrphanTools, { kind, id }: Orphan): Promise<boolean> {
  switch (kind) {
    case 'entry':
      return (await statOf(layout.committed(id))) === undefined && (await driver.get(id)) !== undefined
    case 'file': {
      const isFile = (await statOf(layout.committed(id)))?.isFile() === true
      return isFile && (await driver.get(id)) === undefined
    }
    case 'record': {
      // Not empty: a fill has begun and was left since the directory was read. Empty: what claiming the place makes.
      const left = (await statOf(layout.incomplete(id)))?.size ?? 0
      return left === 0 && (await statOf(layout.fillRecord(id))) !== undefined
    }
    case 'draft':
      return (await statOf(`${layout.fillRecord(id)}.tmp`)) !== undefined
    case 'queued': {
      const isCached = (await statOf(layout.committed(id))) !== undefined
      return isCached && (await driver.get(id))?.facts !== undefined && (await statOf(layout.queued(id))) !== undefined
    }
    default:
      return kind satisfies never
  }
}

/** A link is no image: it is not followed, here as wherever images are opened. */
export const statOf = (path: string) =>
  lstat(path).catch((error: unknown) => {
    if (isAbsent(error)) return undefined
    throw error
  })
