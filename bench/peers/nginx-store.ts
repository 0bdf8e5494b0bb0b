import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Image } from '../images.ts'
import { freePort } from '../ports.ts'
import type { ImageStore, Site } from '../site.ts'
import type { PeerKind } from './peer.ts'
import { startNginx } from './start-nginx.ts'
import { storeTarget } from './store-target.ts'

/** Starts the image store that stands behind every cache under test. `slowRate`: bytes per second on its slow port. */
export async function startStore(
  dir: string,
  { large, small }: Pick<Site, 'large' | 'small'>,
  slowRate: number,
): Promise<ImageStore & { stop(): Promise<void> }> {
  await mkdir(dir, { recursive: true })
  const images = [large, small]
  const transfers = join(dir, 'transfers')
  for (const image of images) await writeFile(recordPath(dir, image), JSON.stringify(record(image)))
  await writeFile(
    join(dir, 'images.conf'),
    [locations(dir, small, 'off'), locations(dir, large, `${transfers} transfers`)].join(''),
  )
  const port = await freePort()
  const slowPort = await freePort()
  const server = await startNginx('nginx-store.conf', dir, { PORT: port, SLOW_PORT: slowPort, SLOW_RATE: slowRate })
  async function sentBytes(): Promise<number> {
    const lines = (await readFile(transfers, 'utf8')).trim().split('\n')
    return lines.reduce((sum, line) => sum + Number(line), 0)
  }
  return { ...server, port, slowPort, sentBytes }
}

/** The store itself as a peer: what static files with sendfile give. */
export const nginxStatic: PeerKind = {
  name: 'nginx, static files with sendfile',
  async start({ store }) {
    return {
      pid: store.pid,
      upstream: undefined,
      target: (image) => storeTarget(store.port, image),
      cold: async () => {},
      isHit: () => true,
      // It serves the others as well: the run that started it stops it.
      stop: async () => {},
    }
  },
}

const recordPath = (dir: string, image: Image): string => join(dir, `${image.id}.json`)

/** An image's record as Glance gives it, with what a cache looks at. */
function record({ id, size, md5, sha512 }: Image): object {
  const digests = { checksum: md5, os_hash_algo: 'sha512', os_hash_value: sha512 }
  const times = { created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z' }
  return { id, name: id, status: 'active', visibility: 'public', disk_format: 'raw', size, ...digests, ...times }
}

/** A download with Glance's Content-MD5 and with ranges, and the record. */
function locations(dir: string, image: Image, log: string): string {
  return `
location = /v2/images/${image.id}/file { types {} alias ${image.path}; add_header Content-MD5 ${image.md5}; access_log ${log}; }
location = /v2/images/${image.id} { types {} default_type application/json; alias ${recordPath(dir, image)}; }
`
}
