import { readSlowly } from '../client/slow-readers.ts'
import { measureUsage } from '../measure.ts'
import { afterimageSlowStore } from '../peers/afterimage.ts'
import { columns, type Row } from './row.ts'

const load = { readers: 200, bytesPerSecond: 1e6 }

/** How long the readers stay. */
export const slowSeconds = (quick: boolean): number => (quick ? 6 : 20)

/** The rate of the slow store: the fill lasts nearly as long as its readers stay. */
export const slowRate = (size: number, quick: boolean): number => Math.round(size / (slowSeconds(quick) * 0.8))

/** Memory while many slow clients read an image that is being filled. */
export const slowReaders: Row = {
  name: 'slow-readers',
  title: `Large image, ${load.readers} readers of 1 MB/s each during its fill`,
  columns: [
    columns.peakRss,
    { key: 'allMB', label: 'MB given to all readers', digits: 0 },
    { key: 'slowestMB', label: 'to the slowest', digits: 1 },
    columns.cpuPerGiB,
  ],
  peers: [afterimageSlowStore],
  prepare: async () => {},
  async round(peer, { large, quick }) {
    await peer.cold(large)
    const seconds = slowSeconds(quick)
    const { usage, result } = await measureUsage(peer.pid, () => readSlowly(peer.target(large), { ...load, seconds }))
    const { allBytes, slowestBytes } = result
    const cpuPerGiB = usage.cpuSeconds / (allBytes / 2 ** 30)
    return { peakRssMiB: usage.peakRssMiB, allMB: allBytes / 1e6, slowestMB: slowestBytes / 1e6, cpuPerGiB }
  },
}
