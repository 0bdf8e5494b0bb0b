import { measureUsage } from '../measure.ts'
import { afterimage, afterimageGlance, afterimageNoHoldBack } from '../peers/afterimage.ts'
import { cachingGlance, glance } from '../peers/glance.ts'
import { nginxProxyCache, nginxProxyCacheTuned } from '../peers/nginx-proxy-cache.ts'
import { nginxStatic } from '../peers/nginx-store.ts'
import type { PeerKind } from '../peers/peer.ts'
import { squid } from '../peers/squid.ts'
import { trafficServer } from '../peers/trafficserver.ts'
import { varnish } from '../peers/varnish.ts'
import { makeCold, whatWasFetched } from './cold.ts'
import { type Contestant, columns, type Row, servers } from './row.ts'
import { warm } from './warm.ts'

const ours = [afterimage, afterimageNoHoldBack]
const peers = [nginxProxyCache, nginxProxyCacheTuned, varnish, trafficServer]
const beforeGlance = [afterimageGlance, cachingGlance]

/** The first download of a large image: from the upstream, and onto the disk on the way. */
export const missAlone: Row = {
  name: 'miss-large',
  title: 'Miss, large image, 1 client',
  columns: [
    columns.throughput,
    columns.seconds,
    columns.firstByte,
    columns.fetched,
    columns.cpuPerGiB,
    columns.peakRss,
  ],
  contestants: [
    ...missBy(1, [...ours, ...peers, squid, ...beforeGlance]),
    // The upstreams themselves: what a client has without any cache.
    ...missBy(1, [nginxStatic, glance]).map((contestant) => ({ ...contestant, isYardstick: true as const })),
  ],
}

/**
 * Several clients that want the same uncached image at the same moment; it ends when the last of them has it. What all
 * processors did meanwhile is shown beside it. Squid is left out: it would take as long as all others together.
 */
export const missTogether: Row = {
  name: 'cold-crowd',
  title: 'Large image, 8 cold clients at once, until the last has all of it',
  columns: [
    columns.seconds,
    columns.firstByte,
    columns.fetched,
    columns.cpu,
    columns.upstreamCpu,
    columns.clientCpu,
    columns.peakRss,
  ],
  contestants: missBy(8, [...ours, ...peers, ...beforeGlance]),
}

function missBy(clients: number, kinds: readonly PeerKind[]): Contestant[] {
  return servers(kinds, {
    // One unmeasured download: a server that has run for a day has its code compiled and its connections open.
    prepare: (peer, { images }) => warm(peer, images.large),
    async round(peer, { dir, drain, store, images: { large } }) {
      await makeCold(peer, large, dir)
      const load = { requests: clients, connections: clients }
      const fetching = await whatWasFetched(peer, large)
      const { usage: upstreamUsage, result: measured } = await measureUsage(store.pid, () =>
        measureUsage(peer.pid, () => drain(peer.target(large), large.size, load)),
      )
      const { usage, result } = measured
      const fetched = await fetching()
      // Removed at once: what has not reached the disk yet need not be written for nothing.
      await peer.cold(large)
      const { cpuSeconds, peakRssMiB } = usage
      return {
        ...result,
        ...(fetched === undefined ? {} : { fetched, upstreamCpuSeconds: upstreamUsage.cpuSeconds }),
        cpuSeconds,
        cpuPerGiB: cpuSeconds / ((clients * large.size) / 2 ** 30),
        peakRssMiB,
      }
    },
  })
}
