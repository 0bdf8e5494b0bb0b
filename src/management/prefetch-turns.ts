import pLimit from 'p-limit'
import { abortable } from '../cache/abortable.ts'
import type { PrefetchJob } from './prefetch-job.ts'

/** Lets so many jobs work at once. A place that gets free goes to the most urgent of those who wait by then. */
export class PrefetchTurns {
  readonly #limit
  readonly #waiting = new Map<PrefetchJob, () => Promise<void>>()

  constructor(concurrency: number) {
    this.#limit = pLimit(concurrency)
  }

  /** Works when it is the job's turn. Rejects at once when the job is stopped before; `work` must not reject. */
  async take<T>(job: PrefetchJob, work: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>()
    this.#waiting.set(job, async () => resolve(await work()))
    void this.#limit(() => this.#serveNext())
    try {
      return await abortable(promise, job.signal)
    } catch (error) {
      // A place that it has already is given back when its work has ended.
      if (this.#waiting.delete(job)) throw error
      return promise
    }
  }

  async #serveNext(): Promise<void> {
    let next: PrefetchJob | undefined
    for (const job of this.#waiting.keys()) if (next === undefined || job.precedes(next)) next = job
    if (next === undefined) return
    const work = this.#waiting.get(next)
    this.#waiting.delete(next)
    await work?.()
  }
}
