import { readdir, rm, stat, statfs } from 'node:fs/promises'
import type { Driver } from '../../drivers/driver.ts'
import { isAbsent } from './error-code.ts'
import type { CacheEvents, EvictionCause } from './events.ts'
import { exclusiveBy } from './exclusive.ts'
import type { Files } from './files.ts'
import { readFillRecord, removeFillRecord } from './fill-record.ts'
import { isImageId } from './image-id.ts'
import type { Layout } from './layout.ts'
import { tryLockExclusive } from './lock.ts'
import { NotCacheable } from './not-cached.ts'

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

/** A file's bytes: its length counts against the limit, but the disk gets back only what it takes; zeros take nothing. */
type Extent = Readonly<{ length: number; onDisk: number }>

/** What `stat` counts blocks in, whatever the file system's are. */
const blockBytes = 512

/** How often an unlinked image is looked at whether its readers have closed it. */
const unlinkedLookMs = 500

/** A file, its directory entries while it is renamed, and its record. */
const inodesNeeded = 4

/** Room for images: summing, evicting and recording a reservation happen under one lock of all processes. */
export class Space {
  readonly #options: SpaceOptions
  readonly #exclusive
  readonly #inFlight = new Map<string, InFlight>()
  /** Unlinked while being read: their bytes are on disk until the last reader closes. */
  readonly #unlinked = new Set<{ size: number; handle: { fd: number; close(): Promise<void> } }>()

  #watching: NodeJS.Timeout | undefined

  constructor(options: SpaceOptions) {
    this.#options = options
    this.#exclusive = exclusiveBy(options.layout.spaceLock)
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
    const { files, driver, events } = this.#options
    const removal = await files.remove(id, evenIfRead, () => driver.forget(id), mayGo)
    if (removal.kind !== 'removed' && removal.kind !== 'unlinked') return false
    if (removal.kind === 'unlinked') {
      this.#unlinked.add(removal)
      this.#watchUnlinked()
    }
    events.evicted(id, cause, removal.size)
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
  async unlinkedBytes(): Promise<number> {
    let bytes = 0
    for (const file of [...this.#unlinked]) {
      if (tryLockExclusive(file.handle.fd)) {
        this.#unlinked.delete(file)
        await file.handle.close()
      } else bytes += file.size
    }
    return bytes
  }

  /** Gives the space of unlinked images back soon after their last reader has closed them. */
  #watchUnlinked(): void {
    this.#watching ??= setInterval(() => {
      this.unlinkedBytes().catch((error: unknown) => this.#options.events.fault('freeing space', undefined, error))
      if (this.#unlinked.size > 0) return
      clearInterval(this.#watching)
      this.#watching = undefined
    }, unlinkedLookMs).unref()
  }

  async #makeRoom(id: string, size: number, onDisk: number): Promise<void> {
    const { limit, maxSize, minFreeSpace, layout, driver } = this.#options
    const used = await this.#used(id)
    const disk = await statfs(layout.dir)
    /** What must still be freed, for each bound; recomputed as files go. */
    let overLimit = limit === 'hard' ? used.total + size - maxSize : 0
    let overDisk = used.promised + size - onDisk + minFreeSpace - disk.bavail * disk.bsize
    let overInodes = disk.files > 0 ? inodesNeeded - disk.ffree : 0
    const fits = () => overLimit <= 0 && overDisk <= 0 && overInodes <= 0
    const freed = ({ length, onDisk: blocks }: Extent) => {
      overLimit -= length
      overDisk -= blocks
      overInodes -= 1
    }
    if (fits()) return
    await this.#dropUseless(id, fits, freed)
    if (fits()) return
    const { size: evictable } = await driver.totals()
    if (overDisk > evictable || overLimit > evictable) throw noRoom(overLimit, overDisk)
    await this.#evictLeastRecent(fits, freed, false)
    if (!fits()) {
      // What is unlinked here is freed when its readers close, not now: this image passes through, a later one fits.
      let pending = Math.max(overLimit, overDisk, 1)
      const unlinked = ({ length, onDisk: blocks }: Extent) => {
        pending -= overDisk > 0 ? blocks : length
      }
      await this.#evictLeastRecent(() => pending <= 0, unlinked, true)
      throw noRoom(overLimit, overDisk)
    }
  }

  /** `total`: bytes that count against the limit, but for `id` itself. `promised`: bytes that fills will still write. */
  async #used(id: string): Promise<{ total: number; promised: number }> {
    const { driver, layout } = this.#options
    let total = (await driver.totals()).size + (await this.unlinkedBytes())
    let promised = 0
    for (const name of await imageNames(layout.invalidDir)) total += await sizeOf(layout.invalid(name))
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

  async #isOwned(id: string): Promise<boolean> {
    const owned = await this.#options.files.claim(id)
    // It vanished after the directory was read: what we hold is an empty file of our own making.
    if (owned?.size === 0) await this.#options.files.discard(owned)
    await owned?.handle.close()
    return owned === undefined
  }

  /** Failed copies first, then left-over fills that nobody works on, oldest first. */
  async #dropUseless(id: string, fits: () => boolean, freed: (extent: Extent) => void): Promise<void> {
    const { layout, files } = this.#options
    for (const name of await imageNames(layout.invalidDir)) {
      if (fits()) return
      const path = layout.invalid(name)
      const extent = await extentOf(path)
      await rm(path, { force: true })
      freed(extent)
    }
    for (const name of await imageNames(layout.incompleteDir)) {
      if (fits()) return
      if (name === id || this.#inFlight.has(name)) continue
      const owned = await files.claim(name)
      if (owned === undefined) continue
      await files.discard(owned)
      await owned.handle.close()
      await removeFillRecord(layout, name)
      freed({ length: owned.size, onDisk: owned.blocks * blockBytes })
    }
  }

  async #evictLeastRecent(fits: () => boolean, freed: (extent: Extent) => void, evenIfRead: boolean): Promise<void> {
    const grace = this.#options.inUseGrace ?? 600_000
    const { driver, layout } = this.#options
    for await (const entry of driver.list()) {
      if (fits()) return
      // What somebody else put into the directory is not ours to remove, even where a driver takes it for an image.
      if (!isImageId(entry.id)) continue
      if (entry.pinned || (evenIfRead && entry.accessedAt > Date.now() - grace)) continue
      // Pinned since it was listed: it stays.
      const mayGo = async () => (await driver.get(entry.id))?.pinned !== true
      const { onDisk } = await extentOf(layout.committed(entry.id))
      if (await this.evict(entry.id, 'space', evenIfRead, mayGo)) freed({ length: entry.size, onDisk })
    }
  }
}

function noRoom(overLimit: number, overDisk: number): NotCacheable {
  if (overLimit > 0) return new NotCacheable('limit', `${overLimit} bytes more than image_cache_max_size allows`)
  if (overDisk > 0) return new NotCacheable('no-space', `${overDisk} bytes too few are free on the cache's file system`)
  return new NotCacheable('no-inodes', "the cache's file system has no free inodes")
}

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
