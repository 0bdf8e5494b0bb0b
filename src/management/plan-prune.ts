import type { ImageEntry } from '../../drivers/driver.ts'
import { isImageId } from '../cache/image-id.ts'
import { type LockTable, readLockTable } from '../cache/lock-table.ts'
import { compare, type Orphan, statOf } from '../cache/orphans.ts'
import type { PruneVerdict } from './management.ts'
import type { PruneTools } from './prune.ts'

/** How many images are looked at together. */
const together = 100

/**
 * What `prune` would do now, image by image, the least recently used first. Nothing is changed, and nothing counts as
 * a use: files are not opened. Memory stays flat.
 */
export async function* planPrune(tools: PruneTools): AsyncIterable<PruneVerdict> {
  const { orphans, committed } = await compare(tools)
  const locks = await readLockTable(tools.layout, tools.space)
  let over = committed - tools.maxSize
  let rank = 0
  for await (const entries of pages(committedImages(tools, orphans))) {
    const inUse = await Promise.all(entries.map(({ id }) => isRead(tools, locks, id)))
    for (const [index, entry] of entries.entries()) {
      const verdict = judge(entry, inUse[index] === true, over)
      if (verdict.prune) over -= entry.size
      yield { entry, rank: ++rank, ...verdict }
    }
  }
}

/** `over`: bytes that must still go when it is this image's turn. */
function judge(entry: ImageEntry, inUse: boolean, over: number): Pick<PruneVerdict, 'inUse' | 'prune' | 'reason'> {
  if (over <= 0) return { inUse, prune: false, reason: 'fits' }
  if (entry.pinned) return { inUse, prune: false, reason: 'pinned' }
  if (inUse) return { inUse, prune: false, reason: 'in-use' }
  return { inUse, prune: true, reason: 'least-recently-used' }
}

/** As they will be listed once the orphans are put right: a file without an entry is admitted as used just now. */
async function* committedImages({ driver, layout }: PruneTools, orphans: readonly Orphan[]): AsyncIterable<ImageEntry> {
  const gone = new Set(orphans.filter(({ kind }) => kind === 'entry').map(({ id }) => id))
  for await (const entry of driver.list()) if (isImageId(entry.id) && !gone.has(entry.id)) yield entry
  for (const { kind, id } of orphans) {
    const stats = kind === 'file' ? await statOf(layout.committed(id)) : undefined
    if (stats === undefined) continue
    const modifiedAt = Math.round(stats.mtimeMs)
    yield { id, size: stats.size, hits: 0, accessedAt: Date.now(), modifiedAt, pinned: false, facts: undefined }
  }
}

async function* pages<T>(items: AsyncIterable<T>): AsyncIterable<readonly T[]> {
  let page: T[] = []
  for await (const item of items) {
    if (page.push(item) < together) continue
    yield page
    page = []
  }
  yield page
}

/** Without a lock table each file is locked for an instant; its readers wait that out. */
const isRead = ({ layout, files }: PruneTools, locks: LockTable | undefined, id: string): Promise<boolean> =>
  locks === undefined ? files.isInUse(id) : locks.isLocked(layout.committed(id))
