import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Image } from '../images.ts'
import { freePort } from '../ports.ts'
import type { ImageStore, Images } from '../site.ts'
import type { PeerKind } from './peer.ts'
import { startNginx } from './start-nginx.ts'
import { storeTarget } from './store-target.ts'

/** Bytes per second that a connection gets, for the images that are held to a rate. */
type Rates = Readonly<Partial<Record<keyof Images, number>>>

/** Starts the image store that stands behind every cache under test. */
export async function startStore(
  dir: string,
  images: Images,
  rates: Rates,
): Promise<ImageStore & { stop(): Promise<void> }> {
  await mkdir(dir, { recursive: true })
  const transfers = join(dir, 'transfers')
  for (const image of Object.values(images)) await writeFile(recordPath(dir, image), JSON.stringify(record(image)))
  const counted = `${transfers} transfers`
  await writeFile(
    join(dir, 'images.conf'),
    [
      locations(dir, images.small, 'off'),
      locations(dir, images.large, counted),
      locations(dir, images.other, counted),
      locations(dir, images.sparse, counted),
      locations(dir, images.paced, counted, rates.paced),
      locations(dir, images.trickle, counted, rates.trickle),
    ].join(''),
  )
  const port = await freePort()
  const server = await startNginx('nginx-store.conf', dir, { PORT: port })
  async function sentBytes(): Promise<number> {
    const lines = (await readFile(transfers, 'utf8')).trim().split('\n')
    return lines.reduce((sum, line) => sum + Number(line), 0)
  }
  return { ...server, port, sentBytes }
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
      stored: async ({ path }) => [path],
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

/** A download with Glance's Content-MD5 and with ranges, and the record. `rate` 0 is no limit. */
function locations(dir: string, image: Image, log: string, rate = 0): string {
  return `
location = /v2/images/${image.id}/file { types {} alias ${image.path}; add_header Content-MD5 ${image.md5}; limit_rate ${rate}; access_log ${log}; }
location = /v2/images/${image.id} { types {} default_type application/json; alias ${recordPath(dir, image)}; }
`
}
