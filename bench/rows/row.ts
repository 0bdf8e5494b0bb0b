import type { Peer, PeerKind } from '../peers/peer.ts'
import type { Site } from '../site.ts'

/** One figure of a table. */
export type Column = Readonly<{
  key: string
  /** Heading with the unit: `MB/s`. */
  label: string
  digits: number
}>

/** What one round of one server gave, by column key. Keys without a column go into the JSON only. */
export type Figures = Readonly<Record<string, number>>

/** One question, put to several servers in turn. */
export type Row = Readonly<{
  /** What `--only` takes. */
  name: string
  title: string
  /** The first is what the row is about: ratios are of it. */
  columns: readonly Column[]
  /** The first one is what the others are compared with. */
  peers: readonly PeerKind[]
  /** Once for each server, before the rounds: brings it into the state that they start from. */
  prepare(peer: Peer, site: Site): Promise<void>
  round(peer: Peer, site: Site): Promise<Figures>
}>

export const columns = {
  throughput: { key: 'mbPerSecond', label: 'MB/s', digits: 0 },
  requests: { key: 'requestsPerSecond', label: 'requests/s', digits: 0 },
  seconds: { key: 'seconds', label: 'seconds', digits: 2 },
  firstByte: { key: 'firstByteMs', label: 'first byte, ms', digits: 1 },
  /** Absent where the upstream does not count. */
  fetched: { key: 'fetched', label: 'fetched from upstream, images', digits: 2 },
  cpuPerGiB: { key: 'cpuPerGiB', label: 'server CPU s/GiB', digits: 2 },
  cpuPerRequest: { key: 'cpuPerRequestUs', label: 'server CPU µs/request', digits: 0 },
  peakRss: { key: 'peakRssMiB', label: 'peak RSS, MiB', digits: 0 },
} satisfies Record<string, Column>
