import type { Driver } from '../../drivers/driver.ts'
import { rm } from '../disk/disk.ts'
import type { CacheEvents } from './events.ts'
import type { Files } from './files.ts'
import { giveBack } from './give-back.ts'
import type { Layout } from './layout.ts'
import { compare, isOrphan, type Orphan, statOf } from './orphans.ts'
import type { Space } from './space.ts'

export type ReconcileTools = Readonly<{
  layout: Layout
  files: Files
  driver: Driver
  space: Space
  events: CacheEvents
}>

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
 * and listed, but served only once it is proven.
 */
export async function reconcile(tools: ReconcileTools): Promise<Reconciled> {
  const { orphans } = await compare(tools)
  const done = await putRight(tools, orphans)
  const count = (kind: Orphan['kind']) => done.filter((orphan) => orphan.kind === kind).length
  const [admitted, forgotten] = [count('file'), count('entry')]
  return { admitted, forgotten, tidied: done.length - admitted - forgotten }
}

/**
 * Gives those that were put right. Each repair is made while the image's place is claimed, after another look: a
 * listing read before says nothing about a commit made since. What another process owns is left to it; one that fails
 * is reported, and the rest goes on.
 */
export async function putRight(tools: ReconcileTools, orphans: readonly Orphan[]): Promise<Orphan[]> {
  const done: Orphan[] = []
  for (const some of batches(orphans)) {
    // Nobody may want to begin a fill meanwhile: it would take the place that is claimed here for another's fill.
    const repairing = tools.space.exclusively(() => Promise.all(some.map((orphan) => claimed(tools, orphan))))
    const repaired = await repairing.catch((error: unknown) => {
      tools.events.fault('reconciling', undefined, error)
      return []
    })
    done.push(...some.filter((_, index) => repaired[index]))
  }
  return done
}

/** Of one kind each: two orphans of one image would want its place at the same time. */
function* batches(orphans: readonly Orphan[]): Generator<readonly Orphan[]> {
  for (const alike of Object.values(Object.groupBy(orphans, ({ kind }) => kind))) {
    for (let start = 0; start < alike.length; start += together) yield alike.slice(start, start + together)
  }
}

async function claimed(tools: ReconcileTools, orphan: Orphan): Promise<boolean> {
  const { files, events } = tools
  try {
    const owned = await files.claim(orphan.id)
    if (owned === undefined) return false
    try {
      const isOne = await isOrphan(tools, orphan)
      if (isOne) await repair(tools, orphan)
      return isOne
    } finally {
      await giveBack(files, owned)
    }
  } catch (error) {
    events.fault('reconciling', orphan.id, error)
    return false
  }
}

function repair({ layout, driver }: ReconcileTools, { kind, id }: Orphan): Promise<void> {
  switch (kind) {
    case 'entry':
      return driver.forget(id)
    case 'file':
      return admit(layout, driver, id)
    case 'record':
      return rm(layout.fillRecord(id), { force: true })
    case 'draft':
      return rm(`${layout.fillRecord(id)}.tmp`, { force: true })
    case 'queued':
      return rm(layout.queued(id), { force: true })
    default:
      return kind satisfies never
  }
}

async function admit(layout: Layout, driver: Driver, id: string): Promise<void> {
  const stats = await statOf(layout.committed(id))
  if (stats === undefined) return
  const facts = await driver.factsOf(id)
  const modifiedAt = Math.round(stats.mtimeMs)
  const isProven = facts?.inode === stats.ino && facts.size === stats.size && facts.modifiedAt === modifiedAt
  await driver.admit({ id, size: stats.size, modifiedAt, facts: isProven ? facts : undefined })
}
