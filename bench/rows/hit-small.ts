import { wrk } from '../client/wrk.ts'
import { measureUsage } from '../measure.ts'
import { afterimage, afterimageXattr } from '../peers/afterimage.ts'
import { cachingGlance, glance } from '../peers/glance.ts'
import { nginxProxyCache } from '../peers/nginx-proxy-cache.ts'
import { nginxStatic } from '../peers/nginx-store.ts'
import { columns, type Row } from './row.ts'
import { warm } from './warm.ts'

/** Many downloads of a small image that lies in the cache, over kept-alive connections, each with a token. */
export function hitSmall(connections: number): Row {
  return {
    name: `hit-small-${connections}`,
    title: `Hit, 64 KiB image, ${connections} connection${connections === 1 ? '' : 's'}`,
    columns: [columns.requests, columns.cpuPerRequest, columns.peakRss],
    peers: [afterimage, afterimageXattr, nginxStatic, nginxProxyCache, cachingGlance, glance],
    prepare: (peer, site) => warm(peer, site.small),
    async round(peer, { small, quick }) {
      const seconds = quick ? 2 : 4
      const target = peer.target(small)
      const { usage, result } = await measureUsage(peer.pid, () => wrk(target, connections, seconds))
      const cpuPerRequestUs = (usage.cpuSeconds / (result * seconds)) * 1e6
      return { requestsPerSecond: result, cpuPerRequestUs, peakRssMiB: usage.peakRssMiB }
    },
  }
}
