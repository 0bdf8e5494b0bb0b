import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { waitUntil } from '../deadline.ts'
import { nodeFlags } from '../node-flags.ts'
import { freePort } from '../ports.ts'
import { startServer } from '../server-process.ts'
import { downloadPath, type Site } from '../site.ts'
import { glanceUrl } from './openstack.ts'
import type { PeerKind } from './peer.ts'

type Settings = Readonly<{
  name: string
  driver?: 'sqlite' | 'xattr'
  holdBack?: boolean
  upstream?: 'store' | 'glance'
  workers?: number
}>

const checkout = join(import.meta.dirname, '../..')
/** Longer than a commit of the largest image takes on a slow disk. */
const commitSeconds = 60

export const afterimage = afterimageWith({ name: 'Afterimage' })
export const afterimageXattr = afterimageWith({ name: 'Afterimage, xattr driver', driver: 'xattr' })
export const afterimageNoHoldBack = afterimageWith({ name: 'Afterimage, hold_back = false', holdBack: false })
export const afterimageTwoWorkers = afterimageWith({ name: 'Afterimage, workers = 2', workers: 2 })
export const afterimageGlance = afterimageWith({ name: 'Afterimage before Glance', upstream: 'glance' })

/** Afterimage as built, one process unless `workers` says otherwise, with an authorization that asks the upstream every 30 seconds. */
function afterimageWith({
  name,
  driver = 'sqlite',
  holdBack = true,
  upstream = 'store',
  workers = 1,
}: Settings): PeerKind {
  return {
    name,
    async start(site) {
      const { url, token } = await upstreamOf(upstream, site)
      const home = join(site.dir, `afterimage-${driver}-${holdBack}-${upstream}-${workers}`)
      const cache = join(home, 'cache')
      await mkdir(cache, { recursive: true })
      const [port, operatorPort] = [await freePort(), await freePort()]
      const config = join(home, 'afterimage.conf')
      await writeFile(config, configText({ cache, port, operatorPort, driver, url, holdBack, workers }))
      const server = await startServer({
        name,
        program: process.execPath,
        args: [...nodeFlags, 'dist/src/api.js', '--config-file', config],
        cwd: checkout,
        log: join(home, 'log'),
        readyUrl: `http://127.0.0.1:${port}/healthcheck`,
      })
      return {
        ...server,
        upstream: upstream === 'glance' ? undefined : site.store,
        target: (image) => ({ port, path: downloadPath(image), header: `X-Auth-Token: ${token}` }),
        // RFC 9211: `afterimage; hit`.
        isHit: (headers) => /;\s*hit\b/.test(`${headers['cache-status']}`),
        stored: async ({ id }) => [join(cache, id)],
        afterimage: { cacheDir: cache, configFile: config, operatorUrl: `http://127.0.0.1:${operatorPort}` },
        // A file that an operator removes is a miss. Removing it before its commit would remove nothing.
        async cold({ id }) {
          const incomplete = join(cache, 'incomplete', id)
          await waitUntil(`${name} to commit ${id}`, commitSeconds, async () => !existsSync(incomplete))
          await rm(join(cache, id), { force: true })
        },
      }
    },
  }
}

async function upstreamOf(upstream: Settings['upstream'], site: Site): Promise<{ url: string; token: string }> {
  if (upstream === 'glance') return { url: glanceUrl, token: (await site.openstack()).token }
  return { url: `http://127.0.0.1:${site.store.port}`, token: 'bench' }
}

type ConfigValues = Readonly<{
  cache: string
  port: number
  operatorPort: number
  driver: string
  url: string
  holdBack: boolean
  workers: number
}>

function configText({ cache, port, operatorPort, driver, url, holdBack, workers }: ConfigValues): string {
  return `[DEFAULT]
bind_host = 127.0.0.1
bind_port = ${port}
workers = ${workers}
image_cache_dir = ${cache}
image_cache_driver = ${driver}
image_cache_max_size = 107374182400
log_level = warn
[origin]
type = glance
url = ${url}
[authorization]
ttl = 30
[cache]
hold_back = ${holdBack}
min_free_space = 67108864
[management]
bind_port = ${operatorPort}
auth = none
`
}
