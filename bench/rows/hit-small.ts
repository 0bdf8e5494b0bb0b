import { wrk } from '../client/wrk.ts'
import { measureUsage } from '../measure.ts'
import { afterimage, afterimageTwoWorkers, afterimageXattr } from '../peers/afterimage.ts'
import { cachingGlance, glance } from '../peers/glance.ts'
import { nginxProxyCache } from '../peers/nginx-proxy-cache.ts'
import { nginxStatic } from '../peers/nginx-store.ts'
import { squid } from '../peers/squid.ts'
import { trafficServer } from '../peers/trafficserver.ts'
import { varnish } from '../peers/varnish.ts'
import { columns, type Row, servers } from './row.ts'
import { warm } from './warm.ts'

/** Many downloads of a small image that lies in the cache, over kept-alive connections, each with a token. */
export function hitSmall(connections: 1 | 8): Row {
  const ours = connections === 1 ? [afterimage] : [afterimage, afterimageXattr, afterimageTwoWorkers]
  return {
    name: `hit-small-${connections}`,
    title: `Hit, 64 KiB image, ${connections} connection${connections === 1 ? '' : 's'}`,
    columns: [columns.requests, columns.cpuPerRequest, columns.peakRss],
    contestants: servers(
      [...ours, nginxStatic, nginxProxyCache, varnish, trafficServer, squid, cachingGlance, glance],
      {
        prepare: (peer, { images }) => warm(peer, images.small),
        async round(peer, { images, quick }) {
          const seconds = quick ? 1 : 2
          const target = peer.target(images.small)
          // Every server has been idle while it was the others' turn.
          await wrk(target, connections, 1)
          const { usage, result } = await measureUsage(peer.pid, () => wrk(target, connections, seconds))
          const cpuPerRequestUs = (usage.cpuSeconds / (result * seconds)) * 1e6
          return { requestsPerSecond: result, cpuPerRequestUs, peakRssMiB: usage.peakRssMiB }
        },
      },
    ),
  }
}
