import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { openDriver } from '../drivers/index.ts'
import { openLayout } from './cache/layout.ts'
import type { Migrate } from './cli/command.ts'
import { CommandFailed, UsageError } from './cli/errors.ts'
import { loadConfig } from './config/load-config.ts'
import { migrate } from './management/migrate.ts'

/**
 * `afterimage-cache-manage migrate`: on the cache directory of the server's configuration, which is given as
 * afterimage-api takes it. A wrong configuration is wrong usage.
 */
export const migrateMetadata: Migrate = async ({ configuration, from, to }) => {
  const loaded = loadConfig({ argv: configuration, env: process.env, cwd: process.cwd() })
  if (loaded.kind === 'error') throw new UsageError(loaded.message)
  if (loaded.kind !== 'config') throw new UsageError('migrate: a configuration is needed')
  const { imageCacheDir: dir, imageCacheDriver, imageCacheSqliteDb: sqliteDb } = loaded.config.default
  // Nothing is made of a mistyped path.
  for (const path of from === 'sqlite' ? [dir, resolve(dir, sqliteDb)] : [dir]) {
    if (!existsSync(path)) throw new CommandFailed(`There is no ${path}: nothing to migrate.`)
  }
  const open = (driver: string) => () => openDriver(driver, { dir, sqliteDb })
  try {
    const moved = await migrate({ layout: await openLayout(dir), from: open(from), to: open(to) })
    const facts = { image_cache_dir: dir, from, to, ...moved }
    return { text: wordsFor(facts, imageCacheDriver.toLowerCase() === to), facts }
  } catch (error) {
    throw new CommandFailed(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

type Moved = Awaited<ReturnType<typeof migrate>> & Readonly<{ image_cache_dir: string; from: string; to: string }>

function wordsFor({ image_cache_dir: dir, from, to, images, hits, pinned, missing }: Moved, isSet: boolean): string {
  const lines = [
    `Metadata of ${images} images (${hits} hits, ${pinned} pinned) in ${dir} went from ${from} to ${to}.`,
    ...(missing > 0 ? [`${missing} entries without a file were dropped.`] : []),
    ...(isSet ? [] : [`Set image_cache_driver = ${to} before the server is started again.`]),
  ]
  return lines.join('\n')
}
