import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../ports.ts'
import { startServer } from '../server-process.ts'
import { fillTemplate } from './fill-template.ts'
import type { PeerKind } from './peer.ts'
import { purge } from './purge.ts'
import { storeTarget } from './store-target.ts'

const configFiles = ['records.config', 'remap.config', 'storage.config', 'ip_allow.yaml']

/** Apache Traffic Server, its cache a file of its own that it reads and writes past the page cache. */
export const trafficServer: PeerKind = {
  name: 'Apache Traffic Server',
  async start({ dir, store, images }) {
    const home = join(dir, 'trafficserver')
    for (const name of ['etc', 'run', 'log', 'cache']) await mkdir(join(home, name), { recursive: true })
    const port = await freePort()
    // Big enough that nothing is ever overwritten to make room.
    const values = { DIR: home, PORT: port, STORE_PORT: store.port, BYTES: images.large.size * 8 }
    for (const name of configFiles) await fillTemplate(`trafficserver/${name}`, join(home, 'etc', name), values)
    const runroot = join(home, 'runroot.yaml')
    await fillTemplate('trafficserver/runroot.yaml', runroot, values)
    const server = await startServer({
      name: 'Traffic Server',
      program: 'traffic_server',
      args: [`--run-root=${runroot}`],
      cwd: home,
      log: join(home, 'output'),
      readyUrl: `http://127.0.0.1:${port}/`,
    })
    return {
      ...server,
      upstream: store,
      target: (image) => storeTarget(port, image),
      // `c` is the look into the cache: H for a hit on the disk, R for one in memory.
      isHit: (headers) => /\[u\S*c[HR]/.test(`${headers.via}`),
      cold: (image) => purge(port, image),
      // It reads past the page cache: its large images always come from the disk.
      stored: async () => [],
    }
  },
}
