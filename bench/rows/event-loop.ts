import { getText } from '../client/get.ts'
import { wrk } from '../client/wrk.ts'
import { dropFromMemory, settleDisk } from '../disk.ts'
import { measureUsage } from '../measure.ts'
import { afterimage } from '../peers/afterimage.ts'
import type { AfterimageAccess, Peer } from '../peers/peer.ts'
import type { Site } from '../site.ts'
import { type Column, columns, type Row, servers } from './row.ts'
import { warm } from './warm.ts'

export const lag: Column = { key: 'lagP99Ms', label: 'event-loop delay, p99 ms', digits: 1, isLessBetter: true }

/**
 * Everything at once: a warm large image, one whose file is dropped from the page cache again and again, misses, and small
 * hits. The delay is Afterimage's own metric. It samples with a timer of its own, so that an idle loop shows about the
 * time between two samples; what it says of an idle server stands beside it.
 */
export const eventLoop: Row = {
  name: 'event-loop',
  title: 'Event-loop delay under mixed load: warm, cold and small hits and misses at once',
  columns: [
    lag,
    { key: 'lagMaxMs', label: 'longest, ms', digits: 1 },
    { key: 'idleP99Ms', label: 'p99 of an idle server, ms', digits: 1 },
    { key: 'warmMbPerSecond', label: 'warm hits, MB/s', digits: 0 },
    { key: 'coldMbPerSecond', label: 'cold hits, MB/s', digits: 0 },
    { key: 'missMbPerSecond', label: 'misses, MB/s', digits: 0 },
    { key: 'requestsPerSecond', label: 'small hits/s', digits: 0 },
    columns.cpu,
    columns.peakRss,
  ],
  contestants: servers([afterimage], {
    async prepare(peer, { images }) {
      for (const image of [images.large, images.other, images.small]) await warm(peer, image)
    },
    async round(peer, site) {
      const ours = peer.afterimage
      if (ours === undefined) throw new Error(`${peer.pid} is no Afterimage`)
      // Each look at the metrics begins the next measurement of the delay.
      await readLag(ours)
      await new Promise((resolve) => setTimeout(resolve, 1000))
      const idle = await readLag(ours)
      const { usage, result } = await measureUsage(peer.pid, () => mixedLoad(peer, site))
      const { p99Ms: lagP99Ms, maxMs: lagMaxMs } = await readLag(ours)
      const { cpuSeconds, peakRssMiB } = usage
      return { lagP99Ms, lagMaxMs, idleP99Ms: idle.p99Ms, ...result, cpuSeconds, peakRssMiB }
    },
  }),
}

async function mixedLoad(peer: Peer, { dir, drain, images, quick }: Site) {
  const seconds = quick ? 3 : 8
  const end = performance.now() + seconds * 1000
  /** Bytes per second of downloads one after another, each with something done before it. */
  async function again(image: Site['images']['large'], before: () => Promise<void>): Promise<number> {
    const began = performance.now()
    let bytes = 0
    while (performance.now() < end) {
      await before()
      bytes += (await drain(peer.target(image), image.size, { requests: 1, connections: 1 })).bytes
    }
    return bytes / 1e3 / (performance.now() - began)
  }
  const files = (await peer.stored?.(images.other)) ?? []
  await settleDisk(dir)
  const [warmMbPerSecond, coldMbPerSecond, missMbPerSecond, requestsPerSecond] = await Promise.all([
    again(images.large, async () => {}),
    again(images.other, () => dropFromMemory(files)),
    again(images.paced, () => peer.cold(images.paced)),
    wrk(peer.target(images.small), 4, seconds),
  ])
  return { warmMbPerSecond, coldMbPerSecond, missMbPerSecond, requestsPerSecond }
}

async function readLag({ operatorUrl }: AfterimageAccess): Promise<{ p99Ms: number; maxMs: number }> {
  const metrics = (await getText(`${operatorUrl}/metrics`)) ?? ''
  const milliseconds = (name: string) => {
    const value = new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(metrics)?.[1]
    if (value === undefined) throw new Error(`/metrics has no nodejs_eventloop_lag_${name}_seconds`)
    return Number(value) * 1000
  }
  return { p99Ms: milliseconds('p99'), maxMs: milliseconds('max') }
}
