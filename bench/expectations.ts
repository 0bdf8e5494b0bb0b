import { afterimage, afterimageGlance } from './peers/afterimage.ts'
import { cachingGlance } from './peers/glance.ts'
import { nginxProxyCache } from './peers/nginx-proxy-cache.ts'
import { nginxStatic } from './peers/nginx-store.ts'
import type { PeerKind } from './peers/peer.ts'
import { type Column, columns } from './rows/row.ts'
import type { RowResult } from './run-row.ts'
import { medianOf } from './table.ts'

type Expectation = Readonly<{
  row: string
  column: Column
  ours: PeerKind
  /** The figure is our median divided by this one's, or our median alone. */
  than?: PeerKind
  holds: '≥' | '≤' | '<'
  bound: number
}>

const { throughput, seconds, peakRss } = columns

/** What the project set out to reach. The ratios hold on any machine, the figures behind them do not. */
const expectations: readonly Expectation[] = [
  { row: 'hit-large-1', column: throughput, ours: afterimage, than: nginxStatic, holds: '≥', bound: 0.8 },
  { row: 'hit-large-8', column: throughput, ours: afterimage, than: nginxStatic, holds: '≥', bound: 0.8 },
  { row: 'miss-large', column: throughput, ours: afterimage, than: nginxProxyCache, holds: '≥', bound: 1 },
  { row: 'miss-large', column: throughput, ours: afterimage, than: cachingGlance, holds: '≥', bound: 1.2 },
  // With the upstream that Glance's cache has, too: a Glance without a cache.
  { row: 'miss-large', column: throughput, ours: afterimageGlance, than: cachingGlance, holds: '≥', bound: 1.2 },
  { row: 'cold-crowd', column: seconds, ours: afterimage, than: nginxProxyCache, holds: '≤', bound: 0.7 },
  { row: 'slow-readers', column: peakRss, ours: afterimage, holds: '<', bound: 250 },
]

/** A Markdown table of expected and measured, for those that this run could measure. */
export function expectationTable(results: readonly RowResult[]): string {
  const lines = expectations.flatMap((expectation) => {
    const measured = measure(expectation, results)
    if (measured === undefined) return []
    const { row, column, ours, than, holds, bound } = expectation
    const what = than === undefined ? ours.name : `${ours.name} ÷ ${than.name}`
    return [
      `| ${row} | ${column.label}: ${what} | ${holds} ${bound} | ${measured.toFixed(2)} | ${met(measured, holds, bound)} |`,
    ]
  })
  return ['| row | figure | expected | measured | |', '|---|---|---:|---:|---|', ...lines, ''].join('\n')
}

function measure({ row, column, ours, than }: Expectation, results: readonly RowResult[]): number | undefined {
  const result = results.find(({ name }) => name === row)
  const median = (kind: PeerKind) => {
    const rounds = result?.peers.find(({ name }) => name === kind.name)?.rounds ?? []
    return rounds.length === 0 ? undefined : medianOf(rounds, column)
  }
  const figure = median(ours)
  if (than === undefined || figure === undefined) return figure
  const other = median(than)
  return other === undefined ? undefined : figure / other
}

function met(value: number, holds: Expectation['holds'], bound: number): string {
  const yes = holds === '≥' ? value >= bound : holds === '≤' ? value <= bound : value < bound
  return yes ? 'met' : '**missed**'
}
