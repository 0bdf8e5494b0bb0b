import type { Drained } from '../client/drain.ts'
import { measureUsage } from '../measure.ts'
import { afterimage } from '../peers/afterimage.ts'
import { nginxStatic } from '../peers/nginx-store.ts'
import type { Peer } from '../peers/peer.ts'
import type { Site } from '../site.ts'
import { columns, type Figures, type Row, servers } from './row.ts'
import { warm } from './warm.ts'

/** Together what a line of one gigabit carries. */
const load = { readers: 1000, bytesPerSecond: 100e3 }
const title = `${load.readers} readers of 100 kB/s each`
/** The probe: one client that asks for a small image, and again 5 ms after each answer. */
const probe = { requests: 100_000, connections: 1, pauseMs: 5 }
/** After so long all readers have come and taken what the kernel had for them: what follows is the steady state. */
const settledAfterMs = 2000

export const latency = {
  p50: { key: 'p50Ms', label: '64 KiB hit beside them: p50, ms', digits: 2 },
  p50Alone: { key: 'p50AloneMs', label: 'p50 alone, ms', digits: 2 },
  p99: { key: 'p99Ms', label: 'p99, ms', digits: 2 },
  p99Alone: { key: 'p99AloneMs', label: 'p99 alone, ms', digits: 2 },
}

const shown = [
  columns.peakRss,
  ...Object.values(latency),
  { key: 'allMB', label: 'MB given to all readers', digits: 0 },
  { key: 'leastMB', label: 'to the slowest', digits: 2 },
  columns.cpu,
]

/** How long the readers stay. */
export const slowSeconds = (quick: boolean): number => (quick ? 4 : 8)

/** Memory, and how long others wait, while many slow clients read an image that is cached. */
export const slowReadersOfHit: Row = {
  name: 'slow-readers-hit',
  title: `Cached large image, ${title}`,
  columns: shown,
  contestants: servers([afterimage, nginxStatic], {
    async prepare(peer, { images }) {
      await warm(peer, images.large)
      await warm(peer, images.small)
    },
    round: (peer, site) => readSlowly(peer, site, 'large'),
  }),
}

/** The same while the image is arriving, from an upstream that is slower than all of them. */
export const slowReadersOfFill: Row = {
  name: 'slow-readers-fill',
  title: `Large image during its fill, ${title}`,
  columns: shown,
  contestants: servers([afterimage], {
    prepare: (peer, { images }) => warm(peer, images.small),
    async round(peer, site) {
      await peer.cold(site.images.trickle)
      const figures = await readSlowly(peer, site, 'trickle')
      // The fill goes on without its readers. It has to be over before anything else is measured.
      await peer.cold(site.images.trickle)
      return figures
    },
  }),
}

async function readSlowly(peer: Peer, site: Site, which: 'large' | 'trickle'): Promise<Figures> {
  const { drain, quick } = site
  const [image, small] = [site.images[which], site.images.small]
  const seconds = slowSeconds(quick)
  const alone = await drain(peer.target(small), small.size, { ...probe, forSeconds: quick ? 1 : 2 })
  const { usage, result } = await measureUsage(peer.pid, () => {
    const { readers, bytesPerSecond } = load
    const reading = drain(peer.target(image), image.size, {
      requests: readers,
      connections: readers,
      bytesPerSecond,
      forSeconds: seconds,
    })
    const probing = (async () => {
      await new Promise((resolve) => setTimeout(resolve, settledAfterMs))
      const left = seconds - settledAfterMs / 1000
      return drain(peer.target(small), small.size, { ...probe, forSeconds: Math.floor(left) })
    })()
    return Promise.all([reading, probing])
  })
  const [read, beside] = result
  expectReading(read, seconds)
  return {
    peakRssMiB: usage.peakRssMiB,
    p50Ms: beside.p50Ms,
    p50AloneMs: alone.p50Ms,
    p99Ms: beside.p99Ms,
    p99AloneMs: alone.p99Ms,
    allMB: read.bytes / 1e6,
    leastMB: read.leastBytes / 1e6,
    cpuSeconds: usage.cpuSeconds,
    clientCpuSeconds: read.clientCpuSeconds,
  }
}

/** Idle readers prove nothing: all of them have got something, and together half of what they would take. */
function expectReading({ bytes, leastBytes }: Drained, seconds: number): void {
  const wanted = load.readers * load.bytesPerSecond * seconds
  if (leastBytes === 0) throw new Error(`a slow reader got nothing at all, all together ${bytes} bytes`)
  if (bytes < wanted / 2) throw new Error(`the slow readers got ${bytes} bytes, less than half of ${wanted}`)
}
