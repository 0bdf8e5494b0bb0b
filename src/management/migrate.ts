import type { Driver, ImageEntry } from '../../drivers/driver.ts'
import { isAbsent } from '../cache/error-code.ts'
import { isImageId } from '../cache/image-id.ts'
import type { Layout } from '../cache/layout.ts'
import { syncDirectory, syncFile } from '../cache/sync.ts'
import { ownDirectory } from '../cache/use-lock.ts'
import { lstat } from '../disk/disk.ts'

export type MigrateOptions = Readonly<{
  layout: Layout
  from(): Promise<Driver>
  to(): Promise<Driver>
}>

/** What was moved. `missing`: entries whose file has gone, dropped. */
export type Migrated = Readonly<{ images: number; hits: number; pinned: number; proven: number; missing: number }>

/** Images that are written together. */
const together = 250

/**
 * Moves what is known of the cached images from one driver of the directory to another: hits, times, pins and facts.
 * What the other driver knew of them before is replaced. The old one gives an image up only when all of them are kept by
 * the new one, durably, so a move that was broken off is simply made again; made again after it was done, it moves
 * nothing. Rejects while any other program works on the directory.
 */
export async function migrate({ layout, from, to }: MigrateOptions): Promise<Migrated> {
  await using _alone = await ownDirectory(layout)
  await using source = await from()
  const moved = { images: 0, hits: 0, pinned: 0, proven: 0, missing: 0 }
  {
    await using target = await to()
    await eachOf(source, async (entry) => {
      if (!(await isThere(layout, entry.id))) moved.missing++
      else if (!(await isGivenUp(source, target, entry))) {
        await target.admit(entry)
        moved.images++
        moved.hits += entry.hits
        if (entry.pinned) moved.pinned++
        if (entry.facts !== undefined) moved.proven++
      }
    })
    await eachOf(source, async (entry) => {
      if (!(await isThere(layout, entry.id)) || (await isGivenUp(source, target, entry))) return
      await check(target, entry)
      // Closing puts a database on disk; attributes and times get there with their file.
      if (target.name === 'xattr') await syncFile(layout.committed(entry.id))
    })
  }
  await syncDirectory(layout.dir)
  await eachOf(source, ({ id }) => source.giveUp(id))
  return moved
}

async function eachOf(driver: Driver, work: (entry: ImageEntry) => Promise<void>): Promise<void> {
  let some: ImageEntry[] = []
  for await (const entry of driver.byId()) {
    if (!isImageId(entry.id)) continue
    some.push(entry)
    if (some.length < together) continue
    await Promise.all(some.map(work))
    some = []
  }
  await Promise.all(some.map(work))
}

/** To the xattr driver every file is an entry, also one that it has given up or never had. */
async function isGivenUp(source: Driver, target: Driver, { id, hits, pinned, facts }: ImageEntry): Promise<boolean> {
  const saysNothing = source.name === 'xattr' && hits === 0 && !pinned && facts === undefined
  return saysNothing && (await target.get(id)) !== undefined
}

async function check(target: Driver, { id, hits, pinned, facts }: ImageEntry): Promise<void> {
  const kept = await target.get(id)
  const isSame = kept?.hits === hits && kept.pinned === pinned && kept.facts?.verifiedAt === facts?.verifiedAt
  if (!isSame) throw new Error(`image ${id} was given to the ${target.name} driver, but it does not have it`)
}

const isThere = (layout: Layout, id: string): Promise<boolean> =>
  lstat(layout.committed(id)).then(
    (stats) => stats.isFile(),
    (error: unknown) => {
      if (isAbsent(error)) return false
      throw error
    },
  )
