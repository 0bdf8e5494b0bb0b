import { isAbsent } from '../cache/error-code.ts'
import { removeFillRecord } from '../cache/fill-record.ts'
import { readLockTable } from '../cache/lock-table.ts'
import { compare, isOrphan, type Orphan } from '../cache/orphans.ts'
import { putRight, type ReconcileTools } from '../cache/reconcile.ts'
import { unlink } from '../disk/disk.ts'
import { type Garbage, garbage, stalled } from './garbage.ts'
import type { Cleaned } from './management.ts'

export type CleanTools = ReconcileTools &
  Readonly<{
    /** `image_cache_stall_time` in milliseconds; 0: nobody's incomplete image is waited for. */
    stallMs: number
  }>

/** What a clean would remove or put right; `size` is bytes. */
export type CleanVerdict = Readonly<{ reason: Garbage['kind'] | Orphan['kind']; name: string; size: number }>

/**
 * Removes invalid images, incomplete ones that nobody owns and nobody has changed for the stall time, and left-over
 * files; puts right what has lost its other half. What cannot be removed is reported, and the rest goes on. An aborted
 * signal ends it between two files, with what it has done so far.
 */
export async function clean(tools: CleanTools, signal?: AbortSignal): Promise<Cleaned> {
  const cleaned = { invalid: 0, stalled: 0, orphans: 0, bytes: 0 }
  for await (const found of garbage(tools.layout, tools.stallMs)) {
    if (signal?.aborted === true) return cleaned
    if (!(await removed(tools, found))) continue
    cleaned[found.kind === 'left-over' ? 'orphans' : found.kind]++
    cleaned.bytes += found.size
  }
  const { orphans } = await compare(tools)
  cleaned.orphans += (await putRight(tools, orphans)).length
  return cleaned
}

/** What `clean` would do now. Nothing is changed. */
export async function* planClean(tools: CleanTools): AsyncIterable<CleanVerdict> {
  const { layout, space, stallMs } = tools
  const locks = await readLockTable(layout, space)
  const isOwned = async ({ name, path }: Garbage) =>
    locks === undefined ? (await space.ownedAmong([name])).has(name) : locks.isLocked(path)
  for await (const found of garbage(layout, stallMs)) {
    if (found.kind === 'stalled' && (await isOwned(found))) continue
    yield { reason: found.kind, name: found.name, size: found.size }
  }
  const { orphans } = await compare(tools)
  for (const orphan of orphans) {
    if (await isOrphan(tools, orphan)) yield { reason: orphan.kind, name: orphan.id, size: 0 }
  }
}

async function removed(tools: CleanTools, found: Garbage): Promise<boolean> {
  try {
    if (found.kind === 'stalled') return await removeStalled(tools, found.name)
    await unlink(found.path)
    return true
  } catch (error) {
    // Another clean, or who needed the room, was quicker: it is theirs to count.
    if (isAbsent(error)) return false
    tools.events.fault('cleaning', found.name, error)
    return false
  }
}

/** As the owner of the image's place, after another look. */
function removeStalled({ layout, files, space, stallMs }: CleanTools, id: string): Promise<boolean> {
  // Nobody may want to begin a fill meanwhile: it would take the place that is claimed here for another's fill.
  return space.exclusively(async () => {
    const before = await stalled(layout, id, stallMs)
    const owned = before && (await files.claim(id))
    if (owned === undefined) return false
    try {
      // Another file: the one we looked at was committed or removed in between, by its last owner.
      const isSame = owned.inode === before?.inode && (await stalled(layout, id, stallMs)) !== undefined
      if (isSame || owned.size === 0) await files.discard(owned)
      if (isSame) await removeFillRecord(layout, id)
      return isSame
    } finally {
      await owned.handle.close()
    }
  })
}
