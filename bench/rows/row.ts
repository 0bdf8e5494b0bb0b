import type { Peer, PeerKind } from '../peers/peer.ts'
import type { Starter } from '../peers/start-once.ts'
import type { Site } from '../site.ts'

/** One figure of a table. */
export type Column = Readonly<{
  key: string
  /** Heading with the unit: `MB/s`. */
  label: string
  digits: number
  /** As with times and memory. Absent: more is better. */
  isLessBetter?: true
}>

/** What one round of one contestant gave, by column key. Keys without a column go into the JSON only. */
export type Figures = Readonly<Record<string, number>>

/** One question, put to several servers in turn. */
export type Row = Readonly<{
  /** What `--only` takes. */
  name: string
  title: string
  /** The first is what the row is about: ratios and bars are of it. */
  columns: readonly Column[]
  /** The first one is what the others are compared with. */
  contestants: readonly Contestant[]
}>

/** Who is measured in a row. */
export type Contestant = Readonly<{
  name: string
  /** Not a rival but what there is without any: in the table, not in the plot, whose scale it would spoil. */
  isYardstick?: true
  /**
   * Once, before the rounds: starts what is needed and brings it into the state that rounds start from. What it gives
   * measures one round. Rejects, with the reason that the report then gives, when it cannot be measured here.
   */
  prepare(site: Site, start: Starter): Promise<() => Promise<Figures>>
}>

type OfServers = Readonly<{
  prepare(peer: Peer, site: Site): Promise<void>
  round(peer: Peer, site: Site): Promise<Figures>
}>

/** Servers that all are prepared and measured alike. */
export function servers(kinds: readonly PeerKind[], { prepare, round }: OfServers): Contestant[] {
  return kinds.map((kind) => ({
    name: kind.name,
    async prepare(site, start) {
      const peer = await start(kind)
      await prepare(peer, site)
      return () => round(peer, site)
    },
  }))
}

export const columns = {
  throughput: { key: 'mbPerSecond', label: 'MB/s', digits: 0 },
  requests: { key: 'requestsPerSecond', label: 'requests/s', digits: 0 },
  seconds: { key: 'seconds', label: 'seconds', digits: 2, isLessBetter: true },
  firstByte: { key: 'firstByteMs', label: 'first byte, ms', digits: 1 },
  /** Absent where the upstream does not count. */
  fetched: { key: 'fetched', label: 'fetched from upstream, images', digits: 2 },
  cpuPerGiB: { key: 'cpuPerGiB', label: 'server CPU s/GiB', digits: 2 },
  cpu: { key: 'cpuSeconds', label: 'server CPU s', digits: 2 },
  upstreamCpu: { key: 'upstreamCpuSeconds', label: 'upstream CPU s', digits: 2 },
  clientCpu: { key: 'clientCpuSeconds', label: 'client CPU s', digits: 2 },
  cpuPerRequest: { key: 'cpuPerRequestUs', label: 'server CPU µs/request', digits: 0 },
  peakRss: { key: 'peakRssMiB', label: 'peak RSS, MiB', digits: 0, isLessBetter: true },
} satisfies Record<string, Column>
