import { abortable } from '../cache/abortable.ts'
import type { ImageCache } from '../cache/cache.ts'
import type { CacheEvents } from '../cache/events.ts'
import type { Caller } from '../origin/origin.ts'
import type { QueuedImage } from './management.ts'
import { periodically } from './periodically.ts'
import type { PrefetchEvent, PrefetchSummary } from './prefetch-events.ts'
import { PrefetchJob } from './prefetch-job.ts'
import { follow } from './prefetch-run.ts'
import { PrefetchTurns } from './prefetch-turns.ts'
import { type Attempt, judge } from './prefetch-verdict.ts'
import type { Queue, QueueNote } from './queue.ts'

export type PrefetcherOptions = Readonly<{
  queue: Queue
  cache: Pick<ImageCache, 'open' | 'fetch'>
  events: CacheEvents
  /** The cache's own credentials; undefined: those of whoever asked serve. */
  ownCaller(): Promise<Caller | undefined>
  /** Images that are fetched at once (`cache.prefetch_concurrency`). */
  concurrency: number
  /** Pauses (ms) before an image that failed is tried again; after the last it is left in the queue. */
  pausesMs?: readonly number[]
}>

const usualPausesMs = [1000, 4000, 15_000, 60_000]

/** For a store that wants no credentials. */
const anonymous: Caller = { headers: [], host: undefined, key: undefined, query: '' }

/**
 * Fetches queued images: those at once for which somebody asked so, else the oldest first. One that fails holds up no
 * other; it is tried again after growing pauses and then left in the queue with its reason.
 */
export class Prefetcher implements AsyncDisposable {
  readonly #options: PrefetcherOptions
  readonly #pausesMs: readonly number[]
  readonly #turns: PrefetchTurns
  readonly #jobs = new Map<string, PrefetchJob>()
  #looking: AsyncDisposable | undefined
  #closed = false

  constructor(options: PrefetcherOptions) {
    this.#options = options
    this.#pausesMs = options.pausesMs ?? usualPausesMs
    this.#turns = new PrefetchTurns(options.concurrency)
  }

  /** Queues the image and begins to fetch it; does not wait for more than the queue entry. */
  async start(id: string, caller?: Caller): Promise<void> {
    const { queue } = this.#options
    for (let job = this.#jobs.get(id); job?.ending === true; job = this.#jobs.get(id)) await job.done
    await queue.add(id)
    await this.#note(id, () => ({ immediate: true, attempts: 0, reason: undefined, retryAt: undefined }))
    const queuedAt = (await queue.get(id))?.queuedAt ?? Date.now()
    const job = this.#jobFor({ id, queuedAt, immediate: true }, true)
    if (caller !== undefined) job.caller = caller
    job.hurry()
  }

  /**
   * Fetches all that is queued now and tells how it goes, to the end of the last. An image that was given up before is
   * tried again; one that is being fetched already is waited for. The signal ends the run: see `follow`.
   */
  async *runQueued(signal?: AbortSignal): AsyncGenerator<PrefetchEvent | PrefetchSummary, void> {
    const jobs = (await this.#options.queue.list()).map((entry) => this.#jobFor(entry, false))
    for (const job of jobs) job.hurry()
    yield* follow(jobs, signal)
  }

  /** Takes it out of the queue; a fill that was begun for it ends, unless a client reads it. False: it was not queued. */
  async cancel(id: string): Promise<boolean> {
    const job = this.#jobs.get(id)
    job?.stop()
    const removed = await this.#options.queue.remove(id)
    await job?.done
    return removed
  }

  /** Cancels all; gives how many were queued. */
  async cancelAll(): Promise<number> {
    const jobs = [...this.#jobs.values()]
    for (const job of jobs) job.stop()
    const removed = await this.#options.queue.clear()
    await Promise.all(jobs.map((job) => job.done))
    return removed
  }

  /**
   * Goes on with what an earlier process had begun at once and not given up, and looks into the queue each
   * `intervalMs` (0: never) for all the rest.
   */
  async resume(intervalMs: number): Promise<void> {
    for (const entry of await this.#options.queue.list()) {
      const isGivenUp = entry.attempts > 0 && entry.retryAt === undefined
      if (entry.immediate && !isGivenUp) this.#jobFor(entry, true)
    }
    if (this.#closed) return
    const onFault = (error: unknown) => this.#options.events.fault('looking into the queue', undefined, error)
    this.#looking = periodically(intervalMs, () => this.#look(), onFault)
  }

  /** Ends what is under way and leaves it to be resumed; the queue stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#looking?.[Symbol.asyncDispose]()
    const jobs = [...this.#jobs.values()]
    for (const job of jobs) job.stop()
    await Promise.all(jobs.map((job) => job.done))
  }

  async #look(): Promise<void> {
    for (const entry of await this.#options.queue.list()) this.#jobFor(entry, true)
  }

  #jobFor(
    { id, queuedAt, immediate }: Pick<QueuedImage, 'id' | 'queuedAt' | 'immediate'>,
    lasting: boolean,
  ): PrefetchJob {
    const running = this.#jobs.get(id)
    if (running !== undefined) {
      running.immediate ||= immediate
      running.lasting ||= lasting
      return running
    }
    const job = new PrefetchJob(id, queuedAt, { immediate, lasting: lasting || immediate })
    if (this.#closed) job.stop()
    this.#jobs.set(id, job)
    job.done = this.#run(job)
    return job
  }

  /** Never rejects: one error never ends the worker. */
  async #run(job: PrefetchJob): Promise<void> {
    const { events } = this.#options
    try {
      await this.#attempts(job)
    } catch (error) {
      // While it waited for its turn, or for another attempt.
      const reason = job.signal.aborted ? 'it was stopped' : String(error)
      if (job.signal.aborted) events.prefetched(job.id, { outcome: 'stopped', reason })
      else events.fault('prefetching', job.id, error)
      job.tell('failed', reason)
    } finally {
      job.ending = true
      this.#jobs.delete(job.id)
    }
  }

  async #attempts(job: PrefetchJob): Promise<void> {
    const { queue, events } = this.#options
    const { id } = job
    let failures = 0
    let waits = 0
    for (;;) {
      const verdict = judge(await this.#turns.take(job, () => this.#attempt(job)))
      if (verdict.kind === 'cached') {
        job.ending = true
        await queue.remove(id)
        events.prefetched(id, { outcome: 'cached' })
        return job.tell('cached')
      }
      const { reason } = verdict
      if (verdict.kind === 'stopped') {
        events.prefetched(id, { outcome: 'stopped', reason })
        return job.tell('failed', reason)
      }
      const isWaiting = verdict.again === 'later'
      if (isWaiting) waits++
      else failures++
      const tries = isWaiting ? Math.min(waits, this.#pausesMs.length) : failures
      const isOver = verdict.again === 'never' || (verdict.again === 'once' && failures > 1)
      const pauseMs = isOver ? undefined : this.#pausesMs[tries - 1]
      if (pauseMs === undefined) job.ending = true
      await this.#keep(job, { isFailure: !isWaiting, reason, pauseMs })
      if (pauseMs === undefined) {
        events.prefetched(id, { outcome: 'failed', reason })
        return job.tell('failed', reason)
      }
      events.prefetched(id, { outcome: 'postponed', reason, pauseMs })
      job.tell('progress', `${reason}; tried again in ${Math.ceil(pauseMs / 1000)} s`)
      await job.pause(pauseMs)
    }
  }

  async #keep(
    { id, immediate }: PrefetchJob,
    { isFailure, reason, pauseMs }: Readonly<{ isFailure: boolean; reason: string; pauseMs: number | undefined }>,
  ): Promise<void> {
    await this.#note(id, (known) => ({
      immediate: immediate || known?.immediate === true,
      attempts: (known?.attempts ?? 0) + (isFailure ? 1 : 0),
      reason,
      retryAt: pauseMs === undefined ? undefined : Date.now() + pauseMs,
    }))
  }

  /** What is known of the image is kept beside its queue entry; without that it is fetched all the same. */
  async #note(id: string, noteOf: (known: QueuedImage | undefined) => QueueNote): Promise<void> {
    const { queue, events } = this.#options
    try {
      await queue.note(id, noteOf(await queue.get(id)))
    } catch (error) {
      events.fault('noting why an image is still queued', id, error)
    }
  }

  /** Never rejects. */
  async #attempt(job: PrefetchJob): Promise<Attempt> {
    const { queue, cache, ownCaller } = this.#options
    const { id, signal } = job
    try {
      if (!(await queue.has(id))) {
        const hit = await cache.open(id)
        hit?.close()
        return { kind: hit === undefined ? 'gone' : 'cached' }
      }
      const caller = (await abortable(ownCaller(), signal)) ?? job.caller ?? anonymous
      return await cache.fetch(id, caller, { signal, wanted: true, onArriving: (arriving) => job.arriving(arriving) })
    } catch (error) {
      return signal.aborted ? { kind: 'stopped' } : { kind: 'failed', outcome: undefined, error }
    } finally {
      job.attempted()
    }
  }
}
