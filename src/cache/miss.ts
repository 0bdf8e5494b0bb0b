import { statSync } from '../disk/disk.ts'
import type { Caller, Download, ImageRecord, Refusal } from '../origin/origin.ts'
import { strongestProof } from './digest-name.ts'
import type { Kept } from './doubts.ts'
import { Fill } from './fill.ts'
import { createFillRecord, readFillRecord, resumableAt } from './fill-record.ts'
import type { FillStart, FillTools } from './fill-tools.ts'
import { type ForeignFill, followForeign } from './foreign-fill.ts'
import { NotCacheable, type NotCached } from './not-cached.ts'
import { contradiction } from './receive.ts'
import { UpstreamFailed } from './upstream-failed.ts'

/** What the first of those who want an uncached image gets. */
export type Led =
  /** It is arriving; `fill` when this process receives it. */
  | Readonly<{ kind: 'following'; following: Fill; fill: Fill }>
  | Readonly<{ kind: 'following'; following: ForeignFill; fill: undefined }>
  /** It will not be cached. `download` is the upstream's answer to this caller, when it is open already. */
  | Readonly<{ kind: 'pass'; reason: NotCached; detail: string; download: Download | undefined }>
  /** The upstream's own answer to this caller. */
  | Readonly<{ kind: 'refused'; refusal: Refusal }>

export type MissTools = FillTools &
  Readonly<{
    maxFills: number
    followIdleMs: number
    /** Claims one of `cache.max_fills`; gives how to release it, undefined when all are taken. */
    takeSlot(): (() => void) | undefined
    onFill(fill: Fill): void
    onOrphaned(fill: Fill): void
    /** What is kept of an image whose file was set aside. */
    keptOf(id: string): Kept | undefined
  }>

type SizedRecord = ImageRecord & { size: number }

/** Bytes of the image that are on disk already, and may be gone on with once the upstream's record proves to match. */
type LeftOver = Readonly<{
  /** `unproven`: a committed file without facts of ours, whole as far as its length tells. */
  place: 'incomplete' | 'unproven'
  inode: number
  at: number
  onDisk: number
  size: number
  hashValue: string | undefined
  md5: string | undefined
  kept: Kept | undefined
}>

/**
 * Asks the upstream for the image with the caller's own credentials, its record beside it, and begins a fill with the
 * answer if the image can be cached. Rejects with an OriginError when the upstream cannot be asked, and with an
 * UpstreamFailed when its answers contradict each other.
 */
export async function lead(tools: MissTools, id: string, caller: Caller): Promise<Led> {
  const abort = new AbortController()
  // Before the look at the disk: the client's first byte waits for the slowest of all these.
  const describing = describe(tools, id, caller, abort.signal)
  try {
    const leftOver = await findLeftOver(tools, id)
    const answer = await request(tools, id, caller, leftOver)
    if (answer.kind === 'refusal') return { kind: 'refused', refusal: answer }
    return await begin(tools, id, caller, leftOver, answer.kind === 'download' ? answer : undefined, await describing)
  } finally {
    abort.abort()
  }
}

/**
 * For what is whole on disk the question is enough: no byte needs to be sent. A range that is refused for its own sake
 * (the image is another, shorter one now; the store does no ranges) says nothing about the caller: ask for the whole.
 */
async function request(tools: MissTools, id: string, caller: Caller, leftOver: LeftOver | undefined) {
  const { origin } = tools
  if (leftOver === undefined) return origin.download(id, caller)
  if (leftOver.at >= leftOver.size) return origin.ask(id, caller)
  const answer = await origin.download(id, caller, { start: leftOver.at, end: undefined })
  const isAboutCaller = answer.kind === 'download' || [401, 403, 404].includes(answer.status)
  return isAboutCaller ? answer : origin.download(id, caller)
}

async function describe(tools: MissTools, id: string, caller: Caller, signal: AbortSignal) {
  try {
    const answer = await tools.origin.describe(id, caller, signal)
    return answer.kind === 'described' ? answer.record : undefined
  } catch {
    // The image's data decides the response; without its record it only is not cached.
    return undefined
  }
}

async function begin(
  tools: MissTools,
  id: string,
  caller: Caller,
  leftOver: LeftOver | undefined,
  download: Download | undefined,
  described: ImageRecord | undefined,
): Promise<Led> {
  let release: (() => void) | undefined
  try {
    const record = cacheable(described)
    if (download !== undefined) contradiction(download, record)
    release = tools.takeSlot()
    if (release === undefined) throw new NotCacheable('busy', `cache.max_fills (${tools.maxFills}) are under way`)
    const usable = leftOver !== undefined && continues(leftOver, record) ? leftOver : undefined
    const onDisk = usable?.onDisk ?? 0
    const claimed = await tools.space.reserve(id, record.size, onDisk, () => claim(tools, id, record, usable))
    if (claimed === undefined) {
      const following = await followForeign({ ...tools, idleMs: tools.followIdleMs }, id, record)
      if (following === undefined) throw new NotCacheable('busy', 'another process is filling another state of it')
      download?.abort()
      release()
      return { kind: 'following', following, fill: undefined }
    }
    // A body that begins behind what we have would leave a hole: the fill asks again for what it needs.
    const fits = download !== undefined && download.offset <= claimed.startAt
    if (!fits) download?.abort()
    const start = { ...claimed, record, caller, download: fits ? download : undefined }
    const fill = await startFill(tools, start)
    void fill.done.then(release)
    tools.onFill(fill)
    return { kind: 'following', following: fill, fill }
  } catch (error) {
    release?.()
    if (error instanceof UpstreamFailed) {
      download?.abort()
      throw error
    }
    const reason = error instanceof NotCacheable ? error.reason : 'cache-failed'
    tools.events.notCached(id, reason, error)
    // Only an answer that is the whole image can be handed on as it is.
    const whole = download?.status === 200 ? download : undefined
    if (whole === undefined) download?.abort()
    const detail = error instanceof Error ? error.message : String(error)
    return { kind: 'pass', reason, detail, download: whole }
  }
}

async function startFill(tools: MissTools, start: FillStart): Promise<Fill> {
  try {
    const fill: Fill = new Fill(tools, start, () => tools.onOrphaned(fill))
    return fill
  } catch (error) {
    // No thread could be had for its digest: nobody owns the file then.
    await Promise.all([start.fillRecord.close(), start.owned.handle.close()])
    throw error
  }
}

/** Takes `incomplete/<id>` and records what it is to become. undefined: another process has it. */
async function claim(tools: MissTools, id: string, record: SizedRecord, leftOver: LeftOver | undefined) {
  const { files, layout, driver } = tools
  const known = leftOver?.place === 'unproven' ? await driver.get(id) : (tools.keptOf(id) ?? leftOver?.kept)
  const kept = known && { hits: known.hits, accessedAt: known.accessedAt, pinned: known.pinned }
  let owned = leftOver?.place === 'unproven' ? await files.demote(id) : await files.claim(id)
  if (owned === undefined) return undefined
  try {
    const startAt = leftOver?.inode === owned.inode ? Math.min(leftOver.at, owned.size) : 0
    if (startAt === 0 && owned.size > 0) owned = await files.startOver(owned)
    // What a power cut has left behind it would count as this life's when the fill is gone on with once more.
    else if (owned.size > startAt) {
      await owned.handle.truncate(startAt)
      owned = { ...owned, size: startAt }
    }
    const facts = {
      inode: owned.inode,
      size: record.size,
      md5: record.md5,
      hashAlgo: record.hashAlgo,
      hashValue: record.hashValue,
      updatedAt: record.updatedAt,
      startAt,
      ...(kept && { kept }),
    }
    const fillRecord = await createFillRecord(layout, id, facts, { watermark: startAt, synced: 0 })
    return { owned, fillRecord, startAt, kept }
  } catch (error) {
    await owned.handle.close()
    throw error
  }
}

async function findLeftOver(tools: MissTools, id: string): Promise<LeftOver | undefined> {
  const { files, layout } = tools
  try {
    // Asked for without a turn in another thread: of nearly every miss there is nothing, and its client waits.
    const isThere = (path: string) => statSync(path, { throwIfNoEntry: false }) !== undefined
    if (!isThere(layout.committed(id)) && !isThere(layout.fillRecord(id))) return undefined
    const reading = readFillRecord(layout, id)
    // Awaited below, unless there is a committed file.
    reading.catch(() => {})
    const committed = await files.openCommitted(id)
    if (committed !== undefined) {
      await committed.handle.close()
      const { ino, size } = committed.stats
      const unknown = { hashValue: undefined, md5: undefined, kept: undefined }
      return { place: 'unproven', inode: ino, at: size, onDisk: size, size, ...unknown }
    }
    const record = await reading
    const handle = record === undefined ? undefined : await files.openIncomplete(id)
    if (record === undefined || handle === undefined) return undefined
    const stats = await handle.stat()
    await handle.close()
    const at = resumableAt(record, { inode: stats.ino, size: stats.size })
    if (at === 0) return undefined
    const { size, hashValue, md5, kept } = record.facts
    return { place: 'incomplete', inode: stats.ino, at, onDisk: at, size, hashValue, md5, kept }
  } catch (error) {
    // What cannot be read cannot be gone on with; the image is downloaded as if it were not there.
    tools.events.fault('looking for a fill to resume', id, error)
    return undefined
  }
}

/** Only a declared digest can prove bytes of another process's life. */
function continues(leftOver: LeftOver, record: SizedRecord): boolean {
  if (strongestProof(record) === undefined || leftOver.size !== record.size) return false
  return leftOver.place === 'unproven' || (leftOver.hashValue === record.hashValue && leftOver.md5 === record.md5)
}

function cacheable(record: ImageRecord | undefined): SizedRecord {
  if (record === undefined) throw new NotCacheable('no-record', 'the upstream gives no record of the image')
  const { status, size } = record
  if (status !== 'active') throw new NotCacheable('not-active', `the image's status is ${status}`)
  if (size === undefined || size <= 0) throw new NotCacheable('no-size', 'the image has no data of a known size')
  return { ...record, size }
}
