import { measureUsage } from '../measure.ts'
import { afterimage } from '../peers/afterimage.ts'
import { cachingGlance, glance } from '../peers/glance.ts'
import { nginxProxyCache } from '../peers/nginx-proxy-cache.ts'
import { nginxStatic } from '../peers/nginx-store.ts'
import { columns, type Row } from './row.ts'
import { warm } from './warm.ts'

/** Downloads of a large image that lies in the cache. */
export function hitLarge(clients: number): Row {
  return {
    name: `hit-large-${clients}`,
    title: `Hit, large image, ${clients} client${clients === 1 ? '' : 's'}`,
    columns: [columns.throughput, columns.cpuPerGiB, columns.peakRss],
    peers: [afterimage, nginxStatic, nginxProxyCache, cachingGlance, glance],
    prepare: (peer, site) => warm(peer, site.large),
    async round(peer, { drain, large }) {
      // A single client asks several times, or the clock ticks of /proc would be too coarse.
      const load = { requests: clients === 1 ? 4 : clients, connections: clients }
      const { usage, result } = await measureUsage(peer.pid, () => drain(peer.target(large), large.size, load))
      const cpuPerGiB = usage.cpuSeconds / ((load.requests * large.size) / 2 ** 30)
      return { ...result, cpuPerGiB, peakRssMiB: usage.peakRssMiB }
    },
  }
}
