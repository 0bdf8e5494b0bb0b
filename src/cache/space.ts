import type { Driver } from '../../drivers/driver.ts'
import { readdir, rm, stat, statfs } from '../disk/disk.ts'
import { isAbsent } from './error-code.ts'
import type { CacheEvents, EvictionCause } from './events.ts'
import { exclusiveBy } from './exclusive.ts'
import type { Files } from './files.ts'
import { readFillRecord, removeFillRecord } from './fill-record.ts'
import { giveBack } from './give-back.ts'
import { isImageId } from './image-id.ts'
import type { Layout } from './layout.ts'
import { NotCacheable } from './not-cached.ts'
import { type Extent, Shortage } from './shortage.ts'
import { UnlinkedFiles } from './unlinked-files.ts'

export type SpaceOptions = Readonly<{
  layout: Layout
  files: Files
  driver: Driver
  events: CacheEvents
  /** `hard`: the committed images and the fills under way never exceed `maxSize`, not for a moment. */
  limit: 'soft' | 'hard'
  maxSize: number
  /** Bytes that stay free on the file system, whatever the limit. */
  minFreeSpace: number
  /**
   * An image that is being read may be unlinked when nothing else can go and it was last asked for this long ago
   * (ms): one slow reader cannot freeze eviction, and an image in real use stays.
   */
  inUseGrace?: number
}>

/** A fill under way in this process, for the sum. */
export type InFlight = Readonly<{ size: number; written: () => number }>

/** What `stat` counts blocks in, whatever the file system's are. */
const blockBytes = 512

/** A file, its directory entries while it is renamed, and its record. */
const inodesNeeded = 4

/** Images that are removed at the same time: each waits for the disk and other threads more than it works. */
const together = 16

/** Room for images: summing, evicting and recording a reservation happen under one lock of all processes. */
export class Space {
  readonly #options: SpaceOptions
  readonly #exclusive
  readonly #inFlight = new Map<string, InFlight>()
  readonly #unlinked

  constructor(options: SpaceOptions) {
    this.#options = options
    this.#exclusive = exclusiveBy(options.layout.spaceLock)
    this.#unlinked = new UnlinkedFiles((error) => options.events.fault('freeing space', undefined, error))
  }

  /**
   * Makes room for an image of `size` bytes, of which `onDisk` lie in `incomplete/` already, then runs `claim`, which
   * records the reservation by writing the fill's record. Rejects with NotCacheable when there is no room: nothing was
   * evicted in vain as far as could be foreseen.
   */
  async reserve<T>(id: string, size: number, onDisk: number, claim: () => Promise<T>): Promise<T> {
    const { limit, maxSize } = this.#options
    if (limit === 'hard' && size > maxSize) {
      throw new NotCacheable('too-large', `${size} bytes are more than image_cache_max_size (${maxSize})`)
    }
    return this.#exclusive(async () => {
      await this.#makeRoom(id, size, onDisk)
      return claim()
    })
  }

  /** The fill counts with its full size from now on, until `release`. */
  hold(id: string, fill: InFlight): void {
    this.#inFlight.set(id, fill)
  }

  release(id: string): void {
    this.#inFlight.delete(id)
  }

  /**
   * Removes a committed image and what is known about it; false when it is in use, was gone, or `mayGo` kept it (see
   * Files.remove).
   */
  async evict(id: string, cause: EvictionCause, evenIfRead = false, mayGo?: () => Promise<boolean>): Promise<boolean> {
    const size = await this.#remove(id, evenIfRead, mayGo)
    if (size === undefined) return false
    this.#options.events.evicted(id, cause, size)
    return true
  }

  /**
   * Runs `work` while nobody makes room, begins a fill or prunes, in whatever process. It must be short: downloads of
   * images that are not cached wait for it.
   */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#exclusive(work)
  }

  /** Those of these images whose `incomplete/<id>` has an owner now, in whatever process. */
  ownedAmong(ids: readonly string[]): Promise<Set<string>> {
    // To look is to claim for a moment: nobody may want to begin meanwhile, or it would take the image for another's.
    return this.#exclusive(async () => {
      const owned = new Set<string>()
      for (const id of ids) if (await this.#isOwned(id)) owned.add(id)
      return owned
    })
  }

  /** Bytes of images that were unlinked while being read and are not closed yet. */
  unlinkedBytes(): Promise<number> {
    return this.#unlinked.bytes()
  }

  async #makeRoom(id: string, size: number, onDisk: number): Promise<void> {
    const { limit, maxSize, minFreeSpace, layout, driver } = this.#options
    const fills = await this.#fills(id)
    // After the fills: one that is committed meanwhile counts twice for a moment. The other way round it would not count
    // at all, and the limit would be passed.
    const [kept, disk] = await Promise.all([this.#kept(), statfs(layout.dir)])
    const short = new Shortage(
      limit === 'hard' ? fills.total + kept + size - maxSize : 0,
      fills.promised + size - onDisk + minFreeSpace - disk.bavail * disk.bsize,
      disk.files > 0 ? inodesNeeded - disk.ffree : 0,
    )
    if (short.isOver) return
    await this.#dropUseless(id, short)
    if (short.isOver) return
    const { size: evictable } = await driver.totals()
    if (short.isBeyond(evictable)) throw short.refusal()
    await this.#evictLeastRecent(short, false)
    if (short.isOver) return
    // What is unlinked here is freed when its readers close, not now: this image passes through, a later one fits.
    await this.#evictLeastRecent(short.later(), true)
    throw short.refusal()
  }

  /** `total`: bytes of fills that count against the limit, but for `id` itself. `promised`: those they will still write. */
  async #fills(id: string): Promise<{ total: number; promised: number }> {
    const { layout } = this.#options
    let total = 0
    let promised = 0
    for (const name of await imageNames(layout.incompleteDir)) {
      if (name === id || this.#inFlight.has(name)) continue
      const onDisk = await sizeOf(layout.incomplete(name))
      const record = (await this.#isOwned(name)) ? await readFillRecord(layout, name) : undefined
      total += Math.max(onDisk, record?.facts.size ?? 0)
      promised += Math.max(0, (record?.facts.size ?? 0) - onDisk)
    }
    for (const [name, fill] of this.#inFlight) {
      if (name === id) continue
      total += fill.size
      promised += Math.max(0, fill.size - fill.written())
    }
    return { total, promised }
  }

  /** Bytes that count against the limit and are no fill's. */
  async #kept(): Promise<number> {
    const { driver, layout } = this.#options
    const [committed, unlinked, invalid] = await Promise.all([
      driver.totals(),
      this.unlinkedBytes(),
      imageNames(layout.invalidDir).then((names) => Promise.all(names.map((name) => sizeOf(layout.invalid(name))))),
    ])
    return invalid.reduce((sum, size) => sum + size, committed.size + unlinked)
  }

  async #isOwned(id: string): Promise<boolean> {
    const owned = await this.#options.files.claim(id)
    if (owned !== undefined) await giveBack(this.#options.files, owned)
    return owned === undefined
  }

  /** Failed copies first, then left-over fills that nobody works on, oldest first. */
  async #dropUseless(id: string, short: Shortage): Promise<void> {
    const { layout, files } = this.#options
    for (const name of await imageNames(layout.invalidDir)) {
      if (short.isOver) return
      const path = layout.invalid(name)
      const extent = await extentOf(path)
      await rm(path, { force: true })
      short.freed(extent)
    }
    for (const name of await imageNames(layout.incompleteDir)) {
      if (short.isOver) return
      if (name === id || this.#inFlight.has(name)) continue
      const owned = await files.claim(name)
      if (owned === undefined) continue
      await files.discard(owned).finally(() => owned.handle.close())
      await removeFillRecord(layout, name)
      short.freed({ length: owned.size, onDisk: owned.blocks * blockBytes })
    }
  }

  /** Until `short` is over. Several at once, but only such as must all go, however many of them really do. */
  async #evictLeastRecent(short: Shortage, evenIfRead: boolean): Promise<void> {
    const grace = this.#options.inUseGrace ?? 600_000
    const { driver, layout } = this.#options
    let some: Candidate[] = []
    for await (const { id, size, pinned, accessedAt } of driver.list()) {
      // What somebody else put into the directory is not ours to remove, even where a driver takes it for an image.
      if (!isImageId(id)) continue
      if (pinned || (evenIfRead && accessedAt > Date.now() - grace)) continue
      const onDisk = short.isOfDisk ? (await extentOf(layout.committed(id))).onDisk : 0
      some.push({ id, length: size, onDisk })
      if (some.length < together && !short.without(some).isOver) continue
      await this.#evictAll(some, short, evenIfRead)
      some = []
      if (short.isOver) return
    }
    await this.#evictAll(some, short, evenIfRead)
  }

  async #evictAll(candidates: readonly Candidate[], short: Shortage, evenIfRead: boolean): Promise<void> {
    const { driver, events } = this.#options
    // Pinned since it was listed: it stays.
    const mayGo = (id: string) => async () => (await driver.get(id))?.pinned !== true
    const removals = await Promise.allSettled(candidates.map(({ id }) => this.#remove(id, evenIfRead, mayGo(id))))
    for (const [index, candidate] of candidates.entries()) {
      const removal = removals[index]
      if (removal?.status !== 'fulfilled' || removal.value === undefined) continue
      events.evicted(candidate.id, 'space', removal.value)
      short.freed(candidate)
    }
    // Only now: all of it must be over before the lock for space is given back.
    for (const removal of removals) if (removal.status === 'rejected') throw removal.reason
  }

  /** Bytes of the file that went, or lost its name; undefined when none did. */
  async #remove(id: string, evenIfRead: boolean, mayGo?: () => Promise<boolean>): Promise<number | undefined> {
    const { files, driver } = this.#options
    const removal = await files.remove(id, evenIfRead, () => driver.forget(id), mayGo)
    if (removal.kind !== 'removed' && removal.kind !== 'unlinked') return undefined
    if (removal.kind === 'unlinked') this.#unlinked.add(removal)
    return removal.size
  }
}

type Candidate = Extent & Readonly<{ id: string }>

/** What is no image is not ours, and must not keep anybody from caching. */
const imageNames = async (dir: string) => (await readdir(dir)).filter(isImageId)

const sizeOf = async (path: string) => (await extentOf(path)).length

const extentOf = (path: string): Promise<Extent> =>
  stat(path).then(
    ({ size, blocks }) => ({ length: size, onDisk: blocks * blockBytes }),
    (error: unknown) => {
      if (isAbsent(error)) return { length: 0, onDisk: 0 }
      throw error
    },
  )
