import type { Config } from '../config/config.ts'
import { openDirectory } from './directory/directory.ts'
import { openGlance } from './glance/glance.ts'
import type { Origin } from './origin.ts'

/** The image store that the configuration names. The embedded one is created and seeded only at its default place. */
export function openOrigin(
  { origin }: Config,
  options: Readonly<{ isDefaultPath: boolean; onWarning(message: string): void }>,
): Promise<Origin> {
  if (origin.type === 'directory') {
    return openDirectory({ path: origin.path, seedDemo: options.isDefaultPath, onWarning: options.onWarning })
  }
  const glance = openGlance({
    url: origin.url ?? '', // the configuration is refused without one
    ...(origin.cafile === undefined ? {} : { cafile: origin.cafile }),
    insecure: origin.insecure,
    connectTimeoutMs: origin.connectTimeout * 1000,
    idleTimeoutMs: origin.idleTimeout * 1000,
  })
  return Promise.resolve(glance)
}
