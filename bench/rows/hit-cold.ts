import { dropFromMemory, settleDisk } from '../disk.ts'
import { measureUsage } from '../measure.ts'
import { afterimage } from '../peers/afterimage.ts'
import { cachingGlance } from '../peers/glance.ts'
import { nginxProxyCache } from '../peers/nginx-proxy-cache.ts'
import { nginxStatic } from '../peers/nginx-store.ts'
import { trafficServer } from '../peers/trafficserver.ts'
import { columns, type Row, servers } from './row.ts'
import { warm } from './warm.ts'

/** A hit whose file has left the page cache. Varnish is left out: its mapped store cannot be dropped from outside. */
export const hitCold: Row = {
  name: 'hit-cold',
  title: 'Hit, large image that has to be read from the disk, 1 client',
  columns: [
    columns.throughput,
    columns.firstByte,
    { key: 'diskReadMiB', label: 'read from disk, MiB', digits: 0 },
    columns.cpuPerGiB,
    columns.peakRss,
  ],
  contestants: servers([afterimage, nginxStatic, nginxProxyCache, trafficServer, cachingGlance], {
    prepare: (peer, { images }) => warm(peer, images.large),
    async round(peer, { dir, drain, images: { large } }) {
      if (peer.stored === undefined) throw new Error('it cannot be told which files to drop from memory')
      await settleDisk(dir)
      await dropFromMemory(await peer.stored(large))
      const load = { requests: 1, connections: 1 }
      const { usage, result } = await measureUsage(peer.pid, () => drain(peer.target(large), large.size, load))
      if (usage.diskReadMiB < (large.size / 2 ** 20) * 0.8) throw new Error('it did not come from the disk')
      const { cpuSeconds, peakRssMiB, diskReadMiB } = usage
      return { ...result, cpuPerGiB: cpuSeconds / (large.size / 2 ** 30), peakRssMiB, diskReadMiB }
    },
  }),
}
