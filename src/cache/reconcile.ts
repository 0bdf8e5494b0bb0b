import { readdir, rm, stat } from 'node:fs/promises'
import pLimit from 'p-limit'
import type { Driver } from '../../drivers/driver.ts'
import { isAbsent } from './error-code.ts'
import type { CacheEvents } from './events.ts'
import type { Files, Owned } from './files.ts'
import { isImageId } from './image-id.ts'
import type { Layout } from './layout.ts'

export type ReconcileOptions = Readonly<{ layout: Layout; files: Files; driver: Driver; events: CacheEvents }>

export type Reconciled = Readonly<{
  /** Files that had no entry: committed before a crash, or written by Glance. */
  admitted: number
  /** Entries whose file has gone. */
  forgotten: number
  /** Records and queue entries that nothing belongs to any more. */
  tidied: number
}>

/** How many images are looked at together. */
const together = 16

/**
 * Brings metadata and disk together after a crash, or after Glance used the directory. A file without facts is counted
 * and listed, but served only once it is proven. Each repair is made while the image's place is claimed, after another
 * look: a listing read before says nothing about a commit made since.
 */
export async function reconcile(options: ReconcileOptions): Promise<Reconciled> {
  const { layout, driver } = options
  const limit = pLimit(together)
  const names = await readdir(layout.dir)
  const onDisk = new Set(names.filter(isImageId))
  const known = new Set<string>()
  const stale: string[] = []
  for await (const { id } of driver.list()) {
    known.add(id)
    if (isImageId(id) && !onDisk.has(id)) stale.push(id)
  }
  const count = async (ids: string[], repair: (id: string) => Promise<boolean>) => {
    const done = await Promise.all(ids.map((id) => limit(() => guarded(options, id, () => repair(id)))))
    return done.filter(Boolean).length
  }
  const forgotten = await count(stale, (id) => forget(options, id))
  const admitted = await count(
    [...onDisk].filter((id) => !known.has(id)),
    (id) => admit(options, id),
  )
  return { admitted, forgotten, tidied: await tidy(options, onDisk) }
}

/** Runs a repair as the owner of the image's place; what another process owns is left to it. */
async function guarded(
  { files, events }: ReconcileOptions,
  id: string,
  repair: (owned: Owned) => Promise<boolean>,
): Promise<boolean> {
  try {
    const owned = await files.claim(id)
    if (owned === undefined) return false
    try {
      return await repair(owned)
    } finally {
      // Only what the claim itself created goes: a resumable fill stays.
      if (owned.size === 0) await files.discard(owned)
      await owned.handle.close()
    }
  } catch (error) {
    events.fault('reconciling', id, error)
    return false
  }
}

async function forget({ layout, driver }: ReconcileOptions, id: string): Promise<boolean> {
  if ((await statOf(layout.committed(id))) !== undefined) return false
  await driver.forget(id)
  return true
}

async function admit({ layout, driver }: ReconcileOptions, id: string): Promise<boolean> {
  const stats = await statOf(layout.committed(id))
  if (stats === undefined || !stats.isFile() || (await driver.get(id)) !== undefined) return false
  const facts = await driver.factsOf(id)
  const modifiedAt = Math.round(stats.mtimeMs)
  const isProven = facts?.inode === stats.ino && facts.size === stats.size && facts.modifiedAt === modifiedAt
  await driver.admit({ id, size: stats.size, modifiedAt, facts: isProven ? facts : undefined })
  return true
}

async function tidy(options: ReconcileOptions, onDisk: ReadonlySet<string>): Promise<number> {
  const { layout, driver } = options
  const incomplete = new Set(await readdir(layout.incompleteDir))
  let tidied = 0
  for (const id of (await readdir(layout.fillsDir)).filter(isImageId)) {
    if (incomplete.has(id)) continue
    const dropped = await guarded(options, id, async (owned) => {
      // Not empty: a fill has begun and was left since the directory was read.
      if (owned.size > 0) return false
      await rm(layout.fillRecord(id), { force: true })
      return true
    })
    if (dropped) tidied++
  }
  for (const id of (await readdir(layout.queueDir)).filter(isImageId)) {
    if (!onDisk.has(id) || (await driver.get(id))?.facts === undefined) continue
    await rm(layout.queued(id), { force: true })
    tidied++
  }
  return tidied
}

const statOf = (path: string) =>
  stat(path).catch((error: unknown) => {
    if (isAbsent(error)) return undefined
    throw error
  })
