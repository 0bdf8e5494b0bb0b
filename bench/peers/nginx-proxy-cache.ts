import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../ports.ts'
import type { PeerKind } from './peer.ts'
import { startNginx } from './start-nginx.ts'
import { storeTarget } from './store-target.ts'

/** With nginx's own buffer sizes: 8 of one page for each connection. */
export const nginxProxyCache = proxyCache('nginx, proxy_cache with lock', 'nginx-proxy-cache', '')

/** With buffers that suit images: fewer system calls for a fill, several times the memory. */
export const nginxProxyCacheTuned = proxyCache(
  'nginx, the same with 256 KiB buffers',
  'nginx-proxy-cache-tuned',
  'proxy_buffers 8 256k; proxy_buffer_size 64k; proxy_busy_buffers_size 512k;',
)

function proxyCache(name: string, directory: string, buffers: string): PeerKind {
  return {
    name,
    async start({ dir, store }) {
      const home = join(dir, directory)
      const port = await freePort()
      const values = { PORT: port, STORE_PORT: store.port, BUFFERS: buffers }
      const server = await startNginx('nginx-proxy-cache.conf', home, values)
      async function stored(): Promise<string[]> {
        const entries = await readdir(join(home, 'cache'), { recursive: true, withFileTypes: true })
        return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
      }
      return {
        ...server,
        upstream: store,
        target: (image) => storeTarget(port, image),
        isHit: (headers) => headers['x-cache-status'] === 'HIT',
        stored,
        // nginx takes a file that has gone for a miss; it keeps the directories that it has made.
        async cold() {
          for (const path of await stored()) await rm(path)
        },
      }
    },
  }
}
