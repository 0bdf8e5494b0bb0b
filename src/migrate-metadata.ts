import { CommandFailed, UsageError } from './cli/errors.ts'
import type { Migrate } from './cli/command.ts'
import { loadConfig } from './config/load-config.ts'

/**
 * `afterimage-cache-manage migrate`: on the cache directory of the server's configuration, which is given as
 * afterimage-api takes it. A wrong configuration is wrong usage.
 */
export const migrateMetadata: Migrate = async ({ configuration, from, to }) => {
  const loaded = loadConfig({ argv: configuration, env: process.env, cwd: process.cwd() })
  if (loaded.kind === 'error') throw new UsageError(loaded.message)
  if (loaded.kind !== 'config') throw new UsageError('migrate: a configuration is needed')
  const { imageCacheDir } = loaded.config.default
  throw new CommandFailed(`Metadata of ${imageCacheDir} cannot be taken from ${from} to ${to} by this version yet.`)
}
