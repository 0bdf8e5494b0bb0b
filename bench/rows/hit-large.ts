import { measureUsage } from '../measure.ts'
import { afterimage } from '../peers/afterimage.ts'
import { cachingGlance, glance } from '../peers/glance.ts'
import { nginxProxyCache } from '../peers/nginx-proxy-cache.ts'
import { nginxStatic } from '../peers/nginx-store.ts'
import { squid } from '../peers/squid.ts'
import { trafficServer } from '../peers/trafficserver.ts'
import { varnish } from '../peers/varnish.ts'
import { columns, type Row, servers } from './row.ts'
import { warm } from './warm.ts'

const fast = [afterimage, nginxStatic, nginxProxyCache, varnish, trafficServer]

/** Downloads of a large image that lies in the cache. */
export function hitLarge(clients: 1 | 8): Row {
  return {
    name: `hit-large-${clients}`,
    title: `Hit, large image, ${clients} client${clients === 1 ? '' : 's'}`,
    columns: [columns.throughput, columns.cpuPerGiB, columns.peakRss],
    // Eight downloads of Squid would take as long as those of all others together.
    contestants: servers(clients === 1 ? [...fast, squid, cachingGlance, glance] : [...fast, cachingGlance], {
      prepare: (peer, { images }) => warm(peer, images.large),
      async round(peer, { drain, images: { large } }) {
        // A single client asks again, or the clock ticks of /proc would be too coarse.
        const load = { requests: clients === 1 ? 2 : clients, connections: clients }
        const { usage, result } = await measureUsage(peer.pid, () => drain(peer.target(large), large.size, load))
        const cpuPerGiB = usage.cpuSeconds / ((load.requests * large.size) / 2 ** 30)
        return { ...result, cpuPerGiB, peakRssMiB: usage.peakRssMiB }
      },
    }),
  }
}
