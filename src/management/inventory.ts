import type { Driver, ImageEntry } from '../../drivers/driver.ts'
import type { ImageCache } from '../cache/cache.ts'
import { committedNames } from '../cache/committed-names.ts'
import { isAbsent } from '../cache/error-code.ts'
import type { Fill } from '../cache/fill.ts'
import { readFillRecord } from '../cache/fill-record.ts'
import { isImageId } from '../cache/image-id.ts'
import type { Layout } from '../cache/layout.ts'
import { lstat, readdir } from '../disk/disk.ts'
import type { ImageState, IncompleteImage } from './management.ts'
import type { Queue } from './queue.ts'

export type InventoryTools = Readonly<{ layout: Layout; driver: Driver; cache: ImageCache }>

/**
 * Committed images by id. What an operator removed by hand is left out, although the driver may know it until the
 * next reconciliation.
 */
export async function* cachedImages({ driver, layout }: InventoryTools): AsyncIterable<ImageEntry> {
  const there = await committedNames(layout)
  // What somebody else put into the directory is no image, even where a driver takes it for one.
  for await (const entry of driver.byId()) if (there.has(entry.id)) yield entry
}

/** What is on its way: the fills of this process, those of others, and what was left to be resumed. */
export async function incompleteImages(tools: InventoryTools): Promise<IncompleteImage[]> {
  const here = new Map(tools.cache.fills().map((fill) => [fill.id, fill]))
  const ids = (await readdir(tools.layout.incompleteDir)).filter((name) => isImageId(name) && !here.has(name))
  const owned = await tools.cache.space.ownedAmong(ids)
  const others = await Promise.all(ids.map((id) => leftOver(tools.layout, id, owned.has(id))))
  return [...[...here.values()].map(underWay), ...others.filter((image) => image !== undefined)].sort((a, b) =>
    a.id < b.id ? -1 : 1,
  )
}

/** Where one image stands, whatever place it is in. */
export async function imageState(tools: InventoryTools & Readonly<{ queue: Queue }>, id: string): Promise<ImageState> {
  const { layout, driver, cache, queue } = tools
  const here = cache.arriving(id)
  const [entry, committed, queued, invalid, left] = await Promise.all([
    driver.get(id),
    sizeOf(layout.committed(id)),
    queue.get(id),
    sizeOf(layout.invalid(id)),
    here === undefined ? sizeOf(layout.incomplete(id)) : undefined,
  ])
  const owned = left !== undefined && (await cache.space.ownedAmong([id])).has(id)
  const incomplete = here === undefined ? await leftOver(layout, id, owned) : underWay(here)
  return { id, cached: committed === undefined ? undefined : entry, incomplete, queued, invalid }
}

function underWay(fill: Fill): IncompleteImage {
  const seconds = (Date.now() - fill.startedAt) / 1000
  return {
    id: fill.id,
    size: fill.record.size,
    received: fill.received,
    owner: 'here',
    startedAt: fill.startedAt,
    bytesPerSecond: seconds > 0 ? Math.round((fill.received - fill.startAt) / seconds) : undefined,
    readers: fill.readers,
    resumes: fill.resumes,
  }
}

async function leftOver(layout: Layout, id: string, isOwned: boolean): Promise<IncompleteImage | undefined> {
  const bytes = await sizeOf(layout.incomplete(id))
  if (bytes === undefined) return undefined
  const record = await readFillRecord(layout, id)
  return {
    id,
    size: record?.facts.size,
    // Another process publishes how far it is: its file may be longer than what counts.
    received: isOwned && record !== undefined ? record.progress.watermark : bytes,
    owner: isOwned ? 'elsewhere' : 'left',
    startedAt: undefined,
    bytesPerSecond: undefined,
    readers: undefined,
    resumes: undefined,
  }
}

/** Bytes of a file; undefined when there is none. What somebody linked to, or a directory, is none. */
export const sizeOf = (path: string): Promise<number | undefined> =>
  lstat(path).then(
    (stats) => (stats.isFile() ? stats.size : undefined),
    (error: unknown) => {
      if (isAbsent(error)) return undefined
      throw error
    },
  )
