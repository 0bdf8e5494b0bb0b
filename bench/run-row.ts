import type { PeerKind } from './peers/peer.ts'
import type { Starter } from './peers/start-once.ts'
import { reasons } from './reasons.ts'
import type { Column, Figures, Row } from './rows/row.ts'
import type { Site } from './site.ts'

/** All that one row gave. A server that could not be measured keeps its place, with the reason. */
export type RowResult = Readonly<{
  name: string
  title: string
  columns: readonly Column[]
  peers: readonly Readonly<{ name: string; rounds: readonly Figures[]; fault: string | undefined }>[]
}>

type Measured = { readonly kind: PeerKind; readonly name: string; rounds: Figures[]; fault: string | undefined }

/** Measures all servers of a row in turn, round by round, so that a slow minute of the machine falls on all of them. */
export async function runRow(row: Row, rounds: number, site: Site, start: Starter): Promise<RowResult> {
  const peers = row.peers.map((kind): Measured => ({ kind, name: kind.name, rounds: [], fault: undefined }))
  for (let round = 0; round <= rounds; round++) {
    for (const peer of peers.filter(({ fault }) => fault === undefined)) {
      site.interrupted.throwIfAborted()
      try {
        const server = await start(peer.kind)
        if (round === 0) await row.prepare(server, site)
        else peer.rounds.push(await row.round(server, site))
      } catch (error) {
        site.interrupted.throwIfAborted()
        peer.fault = reasons(error)
      }
      console.error(progress(row, round, rounds, peer))
    }
  }
  const { name, title, columns } = row
  return { name, title, columns, peers: peers.map(({ name, rounds, fault }) => ({ name, rounds, fault })) }
}

function progress(row: Row, round: number, rounds: number, { name, rounds: done, fault }: Measured): string {
  const step = round === 0 ? 'prepared' : `${round}/${rounds}`
  const column = row.columns[0]
  const figure = done.at(-1)?.[column?.key ?? '']
  const outcome = fault ?? (figure === undefined ? '' : `${figure.toFixed(column?.digits)} ${column?.label}`)
  return `${row.name} ${step} ${name} ${outcome}`.trimEnd()
}
