import type { Config } from './config/config.ts'
import type { Management } from './management/management.ts'
import { openManagement } from './management/open-management.ts'
import { periodically } from './management/periodically.ts'
import { Prefetcher } from './management/prefetcher.ts'
import { prune } from './management/prune.ts'
import { Scrubber } from './management/scrubber.ts'
import { Verifier } from './management/verify.ts'
import type { OpenedCache } from './open-cache.ts'

/** What manages the cache of a server, by its own clock and for whoever asks. Disposing ends what it has under way. */
export interface StartedManagement extends AsyncDisposable {
  readonly management: Management
  readonly prefetcher: Prefetcher
}

export async function startManagement(opened: OpenedCache, config: Config): Promise<StartedManagement> {
  await using started = new AsyncDisposableStack()
  const { cache, queue, events, ownCaller } = opened
  const prefetcher = started.use(
    new Prefetcher({ queue, cache, events, ownCaller, concurrency: config.cache.prefetchConcurrency }),
  )
  const verifier = started.use(new Verifier({ ...opened, requeue: (id) => queue.add(id) }))
  const scrubber = {
    intervalMs: config.cache.verifyInterval * 1000,
    bytesPerSecond: config.cache.verifyRate,
  }
  started.use(new Scrubber({ ...opened, verifier, ...scrubber }))
  const tools = {
    ...opened,
    space: cache.space,
    prefetcher,
    verifier,
    maxSize: config.default.imageCacheMaxSize,
    stallMs: config.default.imageCacheStallTime * 1000,
  }
  const management = openManagement(tools)
  const onPruneFault = (error: unknown) => events.fault('pruning', undefined, error)
  started.use(periodically(config.cache.pruneInterval * 1000, (signal) => prune(tools, signal), onPruneFault))
  await prefetcher.resume(config.cache.prefetchInterval * 1000)
  const whole = started.move()
  return { management, prefetcher, [Symbol.asyncDispose]: () => whole.disposeAsync() }
}
