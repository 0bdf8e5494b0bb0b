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
import type { ForeignFill } from './foreign-fill.ts'
import type { Hit } from './hit.ts'
import { isImageId } from './image-id.ts'
import type { Layout } from './layout.ts'
import { leadOnce } from './lead-once.ts'
import { LeadTurns } from './lead-turns.ts'
import { RecentHits } from './recent-hits.ts'
import { Space } from './space.ts'
import type { Outcome, Turn } from './turn.ts'
import { Wanted } from './wanted.ts'

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
  /** Other processes that serve with this one; resolves when they have been told. Never rejects. */
  others?: Readonly<{
    /** The same as `condemned` and `giveWay` there. */
    condemned(fileKey: string): Promise<unknown>
    wanted(id: string): Promise<unknown>
  }>
  /** See SpaceOptions.inUseGrace. */
  inUseGrace?: number
}>

/** `foreign`: the fill is another process's. */
type Flight = { outcome: Promise<Outcome>; fill: Fill | undefined; foreign: ForeignFill | undefined; deleted: boolean }

/** Images on local disk, committed or arriving. Who may read them is decided before it is asked. */
export class ImageCache implements AsyncDisposable {
  /** Room on the disk and removal of images; for whoever manages the cache. */
  readonly space: Space
  readonly files: Files
  readonly #options: CacheOptions
  readonly #tools
  readonly #flights = new Map<string, Flight>()
  readonly #wanted = new Wanted()
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
      digests: openDigests(2, { isAwaited: options.holdBack }),
      pool: createBufferPool(),
      fileReader,
      turns: new LeadTurns(options.layout.leadLock, options.followIdleMs),
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
    const mine: Flight = { outcome: promise, fill: undefined, foreign: undefined, deleted: false }
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
    const fetching = () => fetchImage(tools, id, caller, options)
    return options.wanted === true ? this.#wanted.during(id, fetching) : fetching()
  }

  /** The upstream granted the deletion of the image: it goes at once, and what is arriving of it is never committed. */
  async deleted(id: string): Promise<void> {
    if (!isImageId(id)) return
    const flight = this.#flights.get(id)
    if (flight !== undefined) {
      flight.deleted = true
      // An image that gets this id from now on is another one.
      if (flight.fill !== undefined || flight.foreign !== undefined) this.#flights.delete(id)
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
   * The bytes of this committed file proved wrong: it goes to `invalid/`, and who is reading it is cut off, in whatever
   * worker. Hits and pin are kept for the next file of the image. False when `<id>` is another file by now.
   */
  async condemn(id: string, { stats }: Pick<Committed, 'stats'>): Promise<boolean> {
    const { driver, events, others } = this.#options
    this.condemned(fileKey(id, stats))
    await others?.condemned(fileKey(id, stats))
    const known = await driver.get(id)
    const size = await this.space.exclusively(() => this.#tools.files.setAside(id, stats.ino, () => driver.forget(id)))
    if (size === undefined) return false
    if (known !== undefined) this.#doubts.keep(id, known)
    events.evicted(id, 'unverified', size)
    return true
  }

  /** This file (see fileKey) has proved wrong, here or in another worker: nobody gets a further byte of it from us. */
  condemned(key: string): void {
    this.#doubts.condemn(key)
  }

  /** A client wants this image, which is not proven: whoever reads it here to prove it closes it. */
  giveWay(id: string): Promise<void> {
    return this.#doubts.clear(id)
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
    const foreign = [...this.#flights.values()].flatMap((flight) => flight.foreign ?? [])
    for (const following of foreign) following.stop()
    await Promise.all([
      ...this.fills().map((fill) => fill.stop()),
      ...foreign.map((following) => following.done),
      this.#committed.close(),
    ])
    await this.#tools.turns[Symbol.asyncDispose]()
    await this.#tools.digests[Symbol.asyncDispose]()
  }

  /** Who comes while a fill that has ended is being put away waits for that, and then looks anew. */
  async #join(flight: Flight): Promise<Outcome> {
    const outcome = await flight.outcome
    if (outcome.kind !== 'following' || !outcome.following.ended) return outcome
    await (flight.fill?.done ?? flight.foreign?.done)
    return { kind: 'again' }
  }

  async #lead(id: string, caller: Caller, mine: Flight, resolve: (outcome: Outcome) => void) {
    const leave = (outcome: Outcome) => {
      if (mine.fill === undefined && mine.foreign === undefined) this.#flights.delete(id)
      resolve(outcome)
    }
    try {
      // Between this caller's look and its turn another fill may have been committed.
      const hit = await this.open(id)
      if (hit !== undefined) {
        leave({ kind: 'again' })
        return { kind: 'hit', hit } as const
      }
      await this.giveWay(id)
      const { others } = this.#options
      if (others !== undefined && (await this.files.hasCommitted(id))) await others.wanted(id)
      const led = await leadOnce(this.#tools, id, caller)
      if (led.kind === 'following' && led.fill === undefined) this.#follow(id, mine, led.following)
      if (led.kind === 'following') leave(led)
      else leave(led.kind === 'pass' ? led : { kind: 'again' })
      return led
    } catch (error) {
      leave({ kind: 'again' })
      throw error
    }
  }

  /** Whoever wants the image while another process fills it joins here, as if this one did. */
  #follow(id: string, flight: Flight, foreign: ForeignFill): void {
    flight.foreign = foreign
    if (this.#closed) foreign.stop()
    void foreign.done.then(() => {
      if (this.#flights.get(id) === flight) this.#flights.delete(id)
    })
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
