import { waitUntil } from '../deadline.ts'
import { settleDisk } from '../disk.ts'
import type { Image } from '../images.ts'
import { measureUsage } from '../measure.ts'
import { afterimage, afterimageGlance, afterimageNoHoldBack } from '../peers/afterimage.ts'
import { cachingGlance, glance } from '../peers/glance.ts'
import { nginxProxyCache, nginxProxyCacheTuned } from '../peers/nginx-proxy-cache.ts'
import type { Peer, PeerKind } from '../peers/peer.ts'
import { columns, type Row } from './row.ts'
import { warm } from './warm.ts'

const caches: readonly PeerKind[] = [
  afterimage,
  afterimageNoHoldBack,
  nginxProxyCache,
  nginxProxyCacheTuned,
  afterimageGlance,
  cachingGlance,
]

/** The first download of a large image: from the upstream, and onto the disk on the way. */
export const missAlone: Row = missBy(1, {
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
  // The last one shows what the upstream itself gives.
  peers: [...caches, glance],
})

/** Several clients that want the same uncached image at the same moment; it ends when the last of them has it. */
export const missTogether: Row = missBy(8, {
  name: 'cold-crowd',
  title: 'Large image, 8 cold clients at once, until the last has all of it',
  columns: [columns.seconds, columns.firstByte, columns.fetched, columns.cpuPerGiB, columns.peakRss],
  peers: caches,
})

function missBy(clients: number, shown: Pick<Row, 'name' | 'title' | 'columns' | 'peers'>): Row {
  return {
    ...shown,
    // One unmeasured download: a server that has run for a day has its code compiled and its connections open.
    prepare: (peer, site) => warm(peer, site.large),
    async round(peer, { dir, drain, large }) {
      await peer.cold(large)
      await settleDisk(dir)
      const load = { requests: clients, connections: clients }
      const sentBefore = await peer.upstream?.sentBytes()
      const { usage, result } = await measureUsage(peer.pid, () => drain(peer.target(large), large.size, load))
      const fetched = sentBefore === undefined ? undefined : await fetchedSince(sentBefore, peer, large)
      // Removed at once: what has not reached the disk yet need not be written for nothing.
      await peer.cold(large)
      const cpuPerGiB = usage.cpuSeconds / ((clients * large.size) / 2 ** 30)
      return { ...result, ...(fetched === undefined ? {} : { fetched }), cpuPerGiB, peakRssMiB: usage.peakRssMiB }
    },
  }
}

/** How many times the upstream has sent the image. It logs an answer after its end, and a miss is one at least. */
async function fetchedSince(before: number, { upstream }: Peer, { size }: Image): Promise<number> {
  let fetched = 0
  await waitUntil('the upstream to have sent the image: it was no miss', 5, async () => {
    fetched = ((await upstream?.sentBytes()) ?? 0) - before
    return fetched >= size
  })
  return fetched / size
}
