import { openDriver } from '../drivers/index.ts'
import type { CacheEvents } from './cache/events.ts'
import { openFiles } from './cache/files.ts'
import { openLayout } from './cache/layout.ts'
import { Space } from './cache/space.ts'
import { useDirectory } from './cache/use-lock.ts'
import type { Config } from './config/config.ts'
import { mkdir } from './disk/disk.ts'
import type { CleanTools } from './management/clean.ts'
import type { PruneTools } from './management/prune.ts'

/** The cache directory and its metadata; disposing closes them. */
export type OpenedStore = PruneTools & CleanTools & AsyncDisposable

/**
 * For programs that keep the cache directory in order and need neither the image store nor fills. Safe beside a server
 * and beside each other.
 */
export async function openStore(config: Config, events: CacheEvents): Promise<OpenedStore> {
  const { imageCacheDir, imageCacheDriver, imageCacheSqliteDb, imageCacheMaxSize, imageCacheStallTime } = config.default
  await mkdir(imageCacheDir, { recursive: true, mode: 0o750 })
  await using opened = new AsyncDisposableStack()
  const layout = await openLayout(imageCacheDir)
  opened.use(await useDirectory(layout))
  const files = openFiles(layout)
  const driver = opened.use(await openDriver(imageCacheDriver, { dir: imageCacheDir, sqliteDb: imageCacheSqliteDb }))
  const { limit, minFreeSpace } = config.cache
  const whole = opened.move()
  return {
    layout,
    files,
    driver,
    events,
    space: new Space({ layout, files, driver, events, limit, maxSize: imageCacheMaxSize, minFreeSpace }),
    maxSize: imageCacheMaxSize,
    stallMs: imageCacheStallTime * 1000,
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  }
}
