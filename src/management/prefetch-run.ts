import type { PrefetchEvent, PrefetchSummary } from './prefetch-events.ts'
import type { PrefetchJob } from './prefetch-job.ts'

/** So many events wait for a slow listener; of progress, more are left out. */
const waitingMost = 256

/**
 * Follows these jobs to their ends. Who leaves before, by the signal or by not asking for more, gives up those
 * that nobody else wants: they stay queued, and what has arrived of them stays to be gone on with.
 */
export async function* follow(
  jobs: readonly PrefetchJob[],
  signal: AbortSignal | undefined,
): AsyncGenerator<PrefetchEvent | PrefetchSummary, void> {
  const waiting: PrefetchEvent[] = []
  let news = Promise.withResolvers<void>()
  const listener = (event: PrefetchEvent) => {
    if (event.state === 'progress' && event.reason === undefined && waiting.length >= waitingMost) return
    waiting.push(event)
    news.resolve()
  }
  const leave = () => news.resolve()
  signal?.addEventListener('abort', leave)
  const open = new Map(jobs.map((job) => [job.id, job]))
  const count = { cached: 0, failed: 0 }
  try {
    for (const job of jobs) job.listen(listener)
    while (open.size > 0) {
      if (signal?.aborted === true) return
      await news.promise
      news = Promise.withResolvers<void>()
      for (const event of waiting.splice(0)) {
        if (event.state === 'cached' || event.state === 'failed') {
          count[event.state]++
          open.delete(event.image)
        }
        yield event
      }
    }
    yield { done: true, ...count }
  } finally {
    signal?.removeEventListener('abort', leave)
    const left = [...open.values()]
    for (const job of left) job.leave(listener)
    await Promise.all(left.filter((job) => job.ending).map((job) => job.done))
  }
}
