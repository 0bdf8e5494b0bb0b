import { measureUsage } from '../measure.ts'
import { afterimage } from '../peers/afterimage.ts'
import { nginxProxyCache } from '../peers/nginx-proxy-cache.ts'
import { trafficServer } from '../peers/trafficserver.ts'
import { varnish } from '../peers/varnish.ts'
import { makeCold, whatWasFetched } from './cold.ts'
import { columns, type Row, servers } from './row.ts'
import { warm } from './warm.ts'

export const ofOne = { key: 'ofOne', label: 'of the time of one', digits: 2 }

/** Where the upstream is the bottleneck: does a crowd have to wait longer than one client? */
export const pacedCrowd: Row = {
  name: 'paced-crowd',
  title: 'A quarter of the large image from an upstream held to 100 MB/s, 8 cold clients at once',
  columns: [
    columns.seconds,
    { key: 'secondsOfOne', label: 'one client alone, s', digits: 2 },
    ofOne,
    columns.firstByte,
    columns.fetched,
    columns.cpu,
    columns.peakRss,
  ],
  contestants: servers([afterimage, nginxProxyCache, varnish, trafficServer], {
    prepare: (peer, { images }) => warm(peer, images.paced),
    async round(peer, { dir, drain, images: { paced } }) {
      const download = async (clients: number) => {
        await makeCold(peer, paced, dir)
        const fetching = await whatWasFetched(peer, paced)
        const load = { requests: clients, connections: clients }
        const measured = await measureUsage(peer.pid, () => drain(peer.target(paced), paced.size, load))
        return { ...measured, fetched: await fetching() }
      }
      const one = await download(1)
      const { usage, result, fetched = Number.NaN } = await download(8)
      const { cpuSeconds, peakRssMiB } = usage
      const secondsOfOne = one.result.seconds
      return { ...result, secondsOfOne, ofOne: result.seconds / secondsOfOne, fetched, cpuSeconds, peakRssMiB }
    },
  }),
}
