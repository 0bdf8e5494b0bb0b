import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { waitUntil } from '../deadline.ts'
import { freePort } from '../ports.ts'
import { startServer } from '../server-process.ts'
import { fillTemplate } from './fill-template.ts'
import type { PeerKind } from './peer.ts'
import { purge } from './purge.ts'
import { storeTarget } from './store-target.ts'

export const squid: PeerKind = {
  name: 'Squid, rock store',
  async start({ dir, store, images }) {
    const home = join(dir, 'squid')
    // Started by root it becomes a user of its own.
    for (const path of [home, join(home, 'cache')]) {
      await mkdir(path)
      await chmod(path, 0o777)
    }
    const port = await freePort()
    const config = join(home, 'squid.conf')
    const bytes = images.large.size * 4
    const sizes = { MEGABYTES: Math.ceil(bytes / 2 ** 20), MAX_SIZE: bytes }
    await fillTemplate('squid.conf', config, { DIR: home, PORT: port, STORE_PORT: store.port, ...sizes })
    // Makes its store, and ends.
    await promisify(execFile)('squid', ['-N', '-z', '-f', config])
    const server = await startServer({
      name: 'Squid',
      program: 'squid',
      args: ['-N', '-f', config],
      cwd: home,
      log: join(home, 'output'),
      readyUrl: `http://127.0.0.1:${port}/`,
    })
    // Until it has looked through its empty store it is many times slower.
    await waitUntil('Squid to have read its store', 60, async () =>
      (await readFile(join(home, 'cache.log'), 'utf8')).includes('Finished rebuilding'),
    ).catch(async (error: unknown) => {
      await server.stop()
      throw error
    })
    return {
      ...server,
      upstream: store,
      target: (image) => storeTarget(port, image),
      isHit: (headers) => `${headers['x-cache']}`.startsWith('HIT'),
      cold: (image) => purge(port, image),
    }
  },
}
