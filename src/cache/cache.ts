import type { Driver } from '../../drivers/driver.ts'
import type { Caller, Origin } from '../origin/origin.ts'
import { createBufferPool } from './buffer-pool.ts'
import { CommittedImages } from './committed-images.ts'
import { openDigests } from './digest.ts'
import { Doubts, fileKey } from './doubts.ts'
import type { CacheEvents } from './events.ts'
import { type Fetched, type FetchOptions, fetchImage } from './fetch.ts'
import { openFileReader } from './file-reader.ts'
import { type Committed, type Files, openFiles } from './files.ts'
import type { Fill } from './fill.ts'
import type { Hit } from './hit.ts'
import { isImageId } from './image-id.ts'
import type { Layout } from './layout.ts'
import { lead } from './miss.ts'
import { RecentHits } from './recent-hits.ts'
import { Space } from './space.ts'
import type { Outcome, Turn } from './turn.ts'

export type CacheOptions = Readonly<{
  layout: Layout
  driver: Driver
  origin: Origin
  events: CacheEvents
  limit: 'soft' | 'hard'
  maxSize: number
  minFreeSpace: number
  holdBack: boolean
  maxFills: number
  /** A reader of another process's fill gives up after this long without progress (ms). */
  followIdleMs: number
  ownCaller(): Promise<Caller | undefined>
  /** See SpaceOptions.inUseGrace. */
  inUseGrace?: number
}>

type Flight = { outcome: Promise<Outcome>; fill: Fill | undefined; deleted: boolean }

/** Images on local disk, committed or arriving. Who may read them is decided before it is asked. */
export class ImageCache implements AsyncDisposable {
  /** Room on the disk and removal of images; for whoever manages the cache. */
  readonly space: Space
  readonly files: Files
  readonly #options: CacheOptions
  readonly #tools
  readonly #flights = new Map<string, Flight>()
  /** Images that somebody fetches who is no reader, with how many do. */
  readonly #wanted = new Map<string, number>()
  readonly #doubts = new Doubts()
  readonly #committed: CommittedImages
  readonly #suspects = new Map<string, Promise<void>>()
  #slots: number
  #closed = false

  constructor(options: CacheOptions) {
    this.#options = options
    this.#slots = options.maxFills
    const recent = new RecentHits()
    const files = openFiles(options.layout, (id) => recent.drop(id))
    const fileReader = openFileReader()
    this.files = files
    this.#committed = new CommittedImages({ ...options, files, fileReader, doubts: this.#doubts, recent })
    this.space = new Space({ ...options, files })
    this.#tools = {
      ...options,
      files,
      space: this.space,
      digests: openDigests(2),
      pool: createBufferPool(),
      fileReader,
      takeSlot: () => this.#takeSlot(),
      onFill: (fill: Fill) => this.#adopt(fill),
      onOrphaned: (fill: Fill) => this.#boundOrphans(fill),
      keptOf: (id: string) => this.#doubts.keptOf(id),
    }
  }

  /** A committed image that was proven, open for reading; undefined when there is none that can be trusted as it is. */
  open(id: string): Promise<Hit | undefined> {
    return this.#committed.open(id)
  }

  /**
   * One promise per image, set before anything is awaited: of those who ask at once exactly one asks the upstream.
   * Call it after `open` gave nothing. Whoever joins must have the upstream's word for itself before it is served.
   */
  enter(id: string, caller: Caller): Turn {
    const flight = this.#flights.get(id)
    if (flight !== undefined) return { role: 'joined', outcome: this.#join(flight) }
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const mine: Flight = { outcome: promise, fill: undefined, deleted: false }
    this.#flights.set(id, mine)
    return { role: 'first', led: this.#lead(id, caller, mine, resolve) }
  }

  /** Fills under way in this process. */
  fills(): Fill[] {
    return [...this.#flights.values()].flatMap(({ fill }) => fill ?? [])
  }

  /** The fill of this image in this process, if one is under way. */
  arriving(id: string): Fill | undefined {
    const fill = this.#flights.get(id)?.fill
    return fill?.ended === false ? fill : undefined
  }

  /**
   * Has an image filled that no client asked for, and waits until it is committed, whoever fills it. What the upstream
   * answers is nobody's to see but in the outcome. Never rejects.
   */
  async fetch(id: string, caller: Caller, options: FetchOptions = {}): Promise<Fetched> {
    const { origin, events } = this.#options
    const onFault = (error: unknown) => events.fault('ending a fill', id, error)
    const tools = { origin, enter: (...asked: [string, Caller]) => this.enter(...asked), onFault }
    if (options.wanted !== true) return fetchImage(tools, id, caller, options)
    this.#wanted.set(id, (this.#wanted.get(id) ?? 0) + 1)
    try {
      return await fetchImage(tools, id, caller, options)
    } finally {
      const others = (this.#wanted.get(id) ?? 1) - 1
      if (others > 0) this.#wanted.set(id, others)
      else this.#wanted.delete(id)
    }
  }

  /** The upstream granted the deletion of the image: it goes at once, and what is arriving of it is never committed. */
  async deleted(id: string): Promise<void> {
    if (!isImageId(id)) return
    const flight = this.#flights.get(id)
    if (flight !== undefined) {
      flight.deleted = true
      // An image that gets this id from now on is another one.
      if (flight.fill !== undefined) this.#flights.delete(id)
      await flight.fill?.forbid()
    }
    this.#doubts.drop(id)
    await this.space.evict(id, 'deleted', true)
  }

  /** The upstream holds other bytes under this id now: what we have is set aside, the next request fetches anew. */
  async outdated(id: string): Promise<void> {
    this.#doubts.drop(id)
    await this.space.evict(id, 'changed', true)
  }

  /**
   * The bytes of this committed file proved wrong: it goes to `invalid/`, and who is reading it in this process is cut
   * off. Hits and pin are kept for the next file of the image. False when `<id>` is another file by now.
   */
  async condemn(id: string, { stats }: Pick<Committed, 'stats'>): Promise<boolean> {
    const { driver, events } = this.#options
    this.#doubts.condemn(fileKey(id, stats))
    const known = await driver.get(id)
    const size = await this.space.exclusively(() => this.#tools.files.setAside(id, stats.ino, () => driver.forget(id)))
    if (size === undefined) return false
    if (known !== undefined) this.#doubts.keep(id, known)
    events.evicted(id, 'unverified', size)
    return true
  }

  /**
   * Somebody reads a committed file, under its shared lock, to prove it. `giveWay` makes him close it: it is called when
   * a client wants the image and it cannot be served before it is proven. Gives how to say that he is done.
   */
  checking(id: string, giveWay: () => Promise<void>): () => void {
    return this.#doubts.checking(id, giveWay)
  }

  /**
   * Somebody was told that the image does not exist: that is what a private image looks like too, so only the cache's
   * own credentials can tell whether it has gone. Without any it stays until it is the least recently used.
   */
  suspect(id: string): Promise<void> {
    const running = this.#suspects.get(id)
    if (running !== undefined) return running
    const confirming = this.#confirm(id).finally(() => this.#suspects.delete(id))
    this.#suspects.set(id, confirming)
    return confirming
  }

  /** Stops what is arriving and leaves it to be resumed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all([...this.fills().map((fill) => fill.stop()), this.#committed.close()])
    await this.#tools.digests[Symbol.asyncDispose]()
  }

  /** Who comes while a fill that has ended is being put away waits for that, and then looks anew. */
  async #join(flight: Flight): Promise<Outcome> {
    const outcome = await flight.outcome
    if (outcome.kind !== 'following' || !outcome.following.ended) return outcome
    await flight.fill?.done
    return { kind: 'again' }
  }

  async #lead(id: string, caller: Caller, mine: Flight, resolve: (outcome: Outcome) => void) {
    const leave = (outcome: Outcome) => {
      if (mine.fill === undefined) this.#flights.delete(id)
      resolve(outcome)
    }
    try {
      // Between this caller's look and its turn another fill may have been committed.
      const hit = await this.open(id)
      if (hit !== undefined) {
        leave({ kind: 'again' })
        return { kind: 'hit', hit } as const
      }
      await this.#doubts.clear(id)
      const led = await lead(this.#tools, id, caller)
      if (led.kind === 'following' && led.fill !== undefined) leave(led)
      else leave(led.kind === 'pass' ? led : { kind: 'again' })
      return led
    } catch (error) {
      leave({ kind: 'again' })
      throw error
    }
  }

  #takeSlot(): (() => void) | undefined {
    if (this.#slots === 0 || this.#closed) return undefined
    this.#slots--
    return () => {
      this.#slots++
    }
  }

  #adopt(fill: Fill): void {
    const flight = this.#flights.get(fill.id)
    if (flight === undefined) return
    flight.fill = fill
    const { events, driver } = this.#options
    const orReport = (work: Promise<unknown>) =>
      work.catch((error: unknown) => events.fault('ending a fill', fill.id, error))
    if (this.#closed) void orReport(fill.stop())
    else if (flight.deleted) void orReport(fill.forbid())
    const ended = async () => {
      const outcome = await fill.done
      if (this.#flights.get(fill.id) === flight) this.#flights.delete(fill.id)
      if (outcome === 'committed') this.#doubts.drop(fill.id)
      // Deleted between the last look and the rename, or between the rename and the entry.
      const isGhost = outcome === 'committed' && flight.deleted
      if (isGhost && !(await this.space.evict(fill.id, 'deleted', true))) await driver.forget(fill.id)
    }
    void orReport(ended())
  }

  /** A thousand aborted requests are no thousand downloads: only some fills go on that nobody waits for. */
  #boundOrphans(fill: Fill): void {
    if (this.#wanted.has(fill.id)) return
    const orphans = this.fills().filter(({ id, readers }) => readers === 0 && !this.#wanted.has(id))
    if (orphans.length <= Math.max(1, Math.floor(this.#options.maxFills / 4))) return
    fill.stop().catch((error: unknown) => this.#options.events.fault('ending a fill', fill.id, error))
  }

  async #confirm(id: string): Promise<void> {
    try {
      const own = await this.#options.ownCaller()
      if (own === undefined) return
      const answer = await this.#options.origin.describe(id, own)
      if (answer.kind === 'refusal' && answer.status === 404) await this.space.evict(id, 'gone-upstream', true)
    } catch (error) {
      this.#options.events.fault('confirming that an image has gone', id, error)
    }
  }
}
