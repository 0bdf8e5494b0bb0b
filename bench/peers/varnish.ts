import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../ports.ts'
import { startServer } from '../server-process.ts'
import { fillTemplate } from './fill-template.ts'
import type { PeerKind } from './peer.ts'
import { purge } from './purge.ts'
import { storeTarget } from './store-target.ts'

/** Varnish with the storage that its manual names for objects that memory does not hold: a mapped file. It is lost at a restart. */
export const varnish: PeerKind = {
  name: 'Varnish, file store',
  async start({ dir, store, images }) {
    const home = join(dir, 'varnish')
    await mkdir(home)
    const port = await freePort()
    const vcl = join(home, 'store.vcl')
    await fillTemplate('varnish.vcl', vcl, { STORE_PORT: store.port })
    const server = await startServer({
      name: 'Varnish',
      program: 'varnishd',
      // In the foreground, as who starts it; its jail would be another user, who may not read the bench's directories.
      args: [
        '-F',
        '-j',
        'none',
        '-n',
        join(home, 'work'),
        '-a',
        `127.0.0.1:${port}`,
        '-f',
        vcl,
        ...settings(home, images),
      ],
      cwd: home,
      log: join(home, 'log'),
      readyUrl: `http://127.0.0.1:${port}/`,
    })
    return {
      ...server,
      upstream: store,
      target: (image) => storeTarget(port, image),
      isHit: (headers) => headers['x-cache'] === 'HIT',
      cold: (image) => purge(port, image),
    }
  },
}

function settings(home: string, images: { large: { size: number } }): string[] {
  // Room for all that the bench asks it for: making room for a large object by dropping many small ones is what fails first.
  const bytes = images.large.size * 3
  // Total times, both: the defaults of 600 s and 60 s would cut off whoever takes a large image slowly.
  const parameters = ['send_timeout=86400', 'idle_send_timeout=3600']
  return ['-s', `file,${join(home, 'storage')},${bytes}`, ...parameters.flatMap((parameter) => ['-p', parameter])]
}
