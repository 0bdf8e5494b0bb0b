import { stat } from 'node:fs/promises'
import { checkWholeImage } from '../client/whole-image.ts'
import { measureUsage } from '../measure.ts'
import { afterimage } from '../peers/afterimage.ts'
import { nginxProxyCache } from '../peers/nginx-proxy-cache.ts'
import { nginxStatic } from '../peers/nginx-store.ts'
import { columns, type Row, servers } from './row.ts'
import { warm } from './warm.ts'

export const sparse = {
  diskMiB: { key: 'diskMiB', label: 'disk used by it, MiB', digits: 0 },
  ofDense: { key: 'ofDense', label: 'MB/s ÷ of a dense image', digits: 2 },
}

/**
 * An image of which one part in 64 is data, cached: how fast it is sent, beside a dense one from the same server, and what
 * it takes on the disk. nginx, static files: the upstream's own sparse file.
 */
export const sparseHit: Row = {
  name: 'sparse-hit',
  title: 'Hit, sparse image four times as large, 63 of 64 parts zeros, 1 client',
  columns: [
    columns.throughput,
    { key: 'denseMbPerSecond', label: 'dense image, MB/s', digits: 0 },
    sparse.ofDense,
    sparse.diskMiB,
    columns.cpuPerGiB,
    columns.peakRss,
  ],
  contestants: servers([afterimage, nginxStatic, nginxProxyCache], {
    async prepare(peer, { images }) {
      await warm(peer, images.large)
      await warm(peer, images.sparse)
      // What came over from the upstream was right; so has to be what is sent out of our own holes.
      if (peer.afterimage !== undefined) await checkWholeImage(peer.target(images.sparse), images.sparse)
    },
    async round(peer, { drain, images }) {
      const dense = await drain(peer.target(images.large), images.large.size, { requests: 2, connections: 1 })
      const { size } = images.sparse
      const { usage, result } = await measureUsage(peer.pid, () =>
        drain(peer.target(images.sparse), size, { requests: 1, connections: 1 }),
      )
      return {
        ...result,
        denseMbPerSecond: dense.mbPerSecond,
        ofDense: result.mbPerSecond / dense.mbPerSecond,
        diskMiB: (await diskBytes((await peer.stored?.(images.sparse)) ?? [], size)) / 2 ** 20,
        cpuPerGiB: usage.cpuSeconds / (size / 2 ** 30),
        peakRssMiB: usage.peakRssMiB,
      }
    },
  }),
}

/** Of the file that holds the image, among those of a server. A header in front of it makes it longer, by less than a page. */
async function diskBytes(paths: readonly string[], size: number): Promise<number> {
  const files = await Promise.all(paths.map((path) => stat(path)))
  const file = files.find((file) => file.size >= size && file.size < size + 4096)
  // stat(2): st_blocks is in units of 512 bytes, whatever the file system's are.
  return file === undefined ? Number.NaN : file.blocks * 512
}
