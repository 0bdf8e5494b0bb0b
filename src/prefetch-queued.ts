import { readPrefetchAnswer } from './cli/prefetch-answer.ts'
import type { LoadedConfig } from './config/load-config.ts'
import type { Log } from './events/log.ts'
import { askControlSocket } from './http/control-socket.ts'
import type { PrefetchEvent, PrefetchSummary } from './management/prefetch-events.ts'
import { Prefetcher } from './management/prefetcher.ts'
import { openCache } from './open-cache.ts'

/**
 * Fetches what is queued and tells how it goes: through the server of the cache directory when one runs, by itself
 * otherwise. The signal ends it; what has arrived then stays to be resumed.
 */
export async function* prefetchQueued(
  loaded: LoadedConfig,
  log: Log,
  signal: AbortSignal,
): AsyncGenerator<PrefetchEvent | PrefetchSummary, void> {
  const { config } = loaded
  const ask = { method: 'POST', path: '/api/v1/cache/prefetch' }
  const answer = await askControlSocket(config.default.imageCacheDir, ask, signal)
  if (answer !== undefined) {
    if (answer.statusCode !== 200) throw new Error(`the server answers ${answer.statusCode} to ${ask.path}`)
    yield* readPrefetchAnswer(answer)
    return
  }
  await using opened = await openCache(loaded, log)
  await using prefetcher = new Prefetcher({ ...opened, concurrency: config.cache.prefetchConcurrency })
  yield* prefetcher.runQueued(signal)
}
