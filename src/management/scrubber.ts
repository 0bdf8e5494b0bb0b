import { setTimeout as delay } from 'node:timers/promises'
import type { Driver, ImageEntry } from '../../drivers/driver.ts'
import type { CacheEvents, VerifyOutcome } from '../cache/events.ts'
import type { Layout } from '../cache/layout.ts'
import { tryLockExclusive } from '../cache/lock.ts'
import { open } from '../disk/disk.ts'
import type { Caller } from '../origin/origin.ts'
import { Pace } from './pace.ts'
import { dueOf } from './scrub-order.ts'
import type { Verifier } from './verify.ts'

export type ScrubberOptions = Readonly<{
  layout: Layout
  driver: Driver
  verifier: Verifier
  events: CacheEvents
  ownCaller(): Promise<Caller | undefined>
  /** Within which every cached image is verified once (ms); 0: only images that were never proven are. */
  intervalMs: number
  /** Read at most; 0 is no bound. */
  bytesPerSecond: number
  /** The first pause (ms) before an image that could not be settled is tried again; each further one is four times as long. */
  retryMs?: number
}>

/** Ids of one look at the list. */
const most = 1000
/** All times in ms. Between two images: a directory of tiny ones must not become a flood of questions to the store. */
const betweenMs = 20
/** After an image of which nothing could be found out, doubled with each further one: the store may be down. */
const unknownMs = 100
const longestUnknownMs = 600_000
/** An image that could not be settled is tried again at least this often. */
const longestRetryMs = 24 * 3_600_000
/** Between two looks at the list when nothing is due. */
const longestSleepMs = 3_600_000
const shortestSleepMs = 200
/** How often it is seen whether another server still does it. */
const elsewhereMs = 60_000
/** What counts as recently used when there is no interval. */
const weekMs = 7 * 24 * 3_600_000

/**
 * Verifies cached images in the background, one at a time among all servers of the directory: those that were never
 * proven (taken over from Glance) as soon as the cache has credentials of its own to ask the store with, every other
 * one once in the interval. Where it stands is in the facts, so a restart goes on; an image that was being read then
 * begins again. One whose bytes are wrong is fetched anew if it is pinned or was used within the interval.
 */
export class Scrubber implements AsyncDisposable {
  readonly #options: ScrubberOptions
  readonly #pace: Pace
  readonly #ending = new AbortController()
  /** Images that could not be settled, with what is to be waited for. */
  readonly #unsettled = new Map<string, { attempts: number; notBefore: number }>()
  readonly #running: Promise<void>

  constructor(options: ScrubberOptions) {
    this.#options = options
    this.#pace = new Pace(options.bytesPerSecond)
    this.#running = this.#run()
  }

  /** Ends at once, in the middle of an image too. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    // What is cached meanwhile is due an interval later.
    const longestMs = Math.min(longestSleepMs, this.#options.intervalMs || longestSleepMs)
    while (!this.#ended) {
      let sleepMs = longestMs
      try {
        sleepMs = await this.#pass()
      } catch (error) {
        if (!this.#ended) this.#options.events.fault('verifying cached images', undefined, error)
      }
      await this.#sleep(Math.min(longestMs, Math.max(shortestSleepMs, sleepMs)))
    }
  }

  get #ended(): boolean {
    return this.#ending.signal.aborted
  }

  /** Verifies what is due. Gives for how long there is nothing to do (ms). */
  async #pass(): Promise<number> {
    const { driver, layout, intervalMs } = this.#options
    await using lock = await open(layout.scrubLock, 'a', 0o640)
    if (!tryLockExclusive(lock.fd)) return elsewhereMs
    const now = Date.now()
    // Those that are still there have been tried again since.
    for (const [id, { notBefore }] of this.#unsettled) {
      if (notBefore < now - longestRetryMs) this.#unsettled.delete(id)
    }
    const { ids, nextAt } = await dueOf(driver.byId(this.#ending.signal), {
      now,
      intervalMs: intervalMs === 0 ? undefined : intervalMs,
      withUnproven: await this.#canAsk(),
      notBefore: (id) => this.#unsettled.get(id)?.notBefore ?? 0,
      most,
    })
    let unknown = 0
    for (const id of ids) {
      if (this.#ended) return 0
      unknown = (await this.#verify(id)) === 'unknown' ? unknown + 1 : 0
      const pauseMs = unknown === 0 ? betweenMs : Math.min(longestUnknownMs, unknownMs * 2 ** unknown)
      await this.#sleep(pauseMs)
    }
    return ids.length > 0 ? 0 : nextAt - Date.now()
  }

  async #verify(id: string): Promise<VerifyOutcome | undefined> {
    const { verifier, events, intervalMs, retryMs = 60_000 } = this.#options
    const since = Date.now() - (intervalMs || weekMs)
    const isMissed = ({ pinned, accessedAt }: ImageEntry) => pinned || accessedAt >= since
    let outcome: VerifyOutcome | undefined
    try {
      outcome = (await verifier.scrub(id, { pace: this.#pace, isMissed, signal: this.#ending.signal }))?.outcome
    } catch (error) {
      events.fault('verifying a cached image', id, error)
    }
    if (outcome === undefined || outcome === 'unknown' || outcome === 'undeclared') {
      const attempts = this.#unsettled.get(id)?.attempts ?? 0
      const notBefore = Date.now() + Math.min(longestRetryMs, retryMs * 4 ** attempts)
      this.#unsettled.set(id, { attempts: attempts + 1, notBefore })
    } else this.#unsettled.delete(id)
    return outcome
  }

  /** Without credentials of its own the cache can prove nothing that it has not proven before. */
  async #canAsk(): Promise<boolean> {
    try {
      return (await this.#options.ownCaller()) !== undefined
    } catch {
      // It has some, but Keystone does not answer now: each image is tried, and tried again later.
      return true
    }
  }

  async #sleep(ms: number): Promise<void> {
    // An aborted delay rejects with nothing but that.
    await delay(ms, undefined, { signal: this.#ending.signal, ref: false }).catch(() => {})
  }
}
