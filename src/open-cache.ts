import type { Driver } from '../drivers/driver.ts'
import { openDriver } from '../drivers/index.ts'
import { ImageCache } from './cache/cache.ts'
import type { CacheEvents } from './cache/events.ts'
import type { Files } from './cache/files.ts'
import { type Layout, openLayout } from './cache/layout.ts'
import { useDirectory } from './cache/use-lock.ts'
import type { LoadedConfig } from './config/load-config.ts'
import { mkdir } from './disk/disk.ts'
import { reportCacheEvents } from './events/cache-events.ts'
import type { Log } from './events/log.ts'
import { createMetrics, type Metrics } from './events/metrics.ts'
import { ownCaller } from './identity/own-caller.ts'
import { renewingOrigin } from './identity/renewing-origin.ts'
import { openQueue, type Queue } from './management/queue.ts'
import { openOrigin } from './origin/open-origin.ts'
import type { Caller, Origin } from './origin/origin.ts'
import { alone, type Place, shareOf } from './workers/place.ts'

/** The image cache on its directory, and what it is made of. Disposing ends fills (they stay resumable) and closes all. */
export interface OpenedCache extends AsyncDisposable {
  readonly origin: Origin
  readonly layout: Layout
  readonly files: Files
  readonly driver: Driver
  readonly cache: ImageCache
  readonly queue: Queue
  readonly events: CacheEvents
  readonly metrics: Metrics
  ownCaller(): Promise<Caller | undefined>
}

/** For every program that works on the cache; safe beside others on the same directory. */
export async function openCache(
  { config, isDefault }: LoadedConfig,
  log: Log,
  place: Place = alone,
): Promise<OpenedCache> {
  const { imageCacheDir, imageCacheDriver, imageCacheSqliteDb, imageCacheMaxSize } = config.default
  await using opened = new AsyncDisposableStack()
  const own = ownCaller(config)
  const options = { isDefaultPath: isDefault('origin', 'path'), onWarning: (message: string) => log.warn(message) }
  const origin = opened.use(renewingOrigin(await openOrigin(config, options), own))
  await mkdir(imageCacheDir, { recursive: true, mode: 0o750 })
  const layout = await openLayout(imageCacheDir)
  opened.use(await useDirectory(layout))
  const driver = opened.use(await openDriver(imageCacheDriver, { dir: imageCacheDir, sqliteDb: imageCacheSqliteDb }))

  let metrics: Metrics
  const events = reportCacheEvents(log, () => metrics)
  const cache = opened.use(
    new ImageCache({
      layout,
      driver,
      origin,
      events,
      limit: config.cache.limit,
      maxSize: imageCacheMaxSize,
      minFreeSpace: config.cache.minFreeSpace,
      holdBack: config.cache.holdBack,
      maxFills: shareOf(config.cache.maxFills, place),
      followIdleMs: config.origin.idleTimeout * 1000,
      ownCaller: own.caller,
      ...(place.count > 1 && {
        others: {
          condemned: (key) => place.ask({ what: 'condemned', key }),
          wanted: (id) => place.ask({ what: 'wanted', id }),
        },
      }),
    }),
  )
  const queue = openQueue(layout)
  metrics = createMetrics(
    {
      totals: () => driver.totals(),
      fills: () => cache.fills().length,
      queued: () => queue.count(),
    },
    place.count > 1 ? place.number : undefined,
  )
  const whole = opened.move()
  return {
    origin,
    layout,
    files: cache.files,
    driver,
    cache,
    queue,
    events,
    metrics,
    ownCaller: own.caller,
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  }
}
