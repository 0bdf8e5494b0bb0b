import type { Column } from './rows/row.ts'
import type { RowResult } from './run-row.ts'
import { medianOf } from './table.ts'

/** The median of a contestant of the row; NaN where it was not measured. */
export type Median = (contestant: Readonly<{ name: string }>, column: Column) => number
export type Figure = (median: Median) => number

/** What one figure of a row should be. */
export type Expectation = Readonly<{
  row: string
  what: string
  figure: Figure
  holds: '≥' | '≤' | '<' | '>' | '='
  bound: number | Figure
}>

export const expectation = (
  row: string,
  what: string,
  figure: Figure,
  holds: Expectation['holds'],
  bound: number | Figure,
): Expectation => ({ row, what, figure, holds, bound })

/** A Markdown table of expected and measured, for the rows of this run. What could not be measured is said, not left out. */
export function expectationTable(expectations: readonly Expectation[], results: readonly RowResult[]): string {
  const lines = expectations.flatMap(({ row, what, figure, holds, bound }) => {
    const result = results.find(({ name }) => name === row)
    if (result === undefined) return []
    const median: Median = (contestant, column) => {
      const rounds = result.contestants.find(({ name }) => name === contestant.name)?.rounds ?? []
      return rounds.length === 0 ? Number.NaN : medianOf(rounds, column)
    }
    const measured = figure(median)
    const limit = typeof bound === 'number' ? bound : bound(median)
    return [`| ${row} | ${what} | ${holds} ${text(limit)} | ${text(measured)} | ${verdict(measured, holds, limit)} |`]
  })
  return ['| row | figure | expected | measured | |', '|---|---|---:|---:|---|', ...lines, ''].join('\n')
}

/** A count of downloads is a quotient of bytes, and who asks whether he may read is given one byte of the image. */
const closeEnough = 1e-6

function verdict(value: number, holds: Expectation['holds'], bound: number): string {
  if (Number.isNaN(value) || Number.isNaN(bound)) return '**not measured**'
  const difference = value - bound
  const isEqual = Math.abs(difference) < closeEnough
  const isMet = { '≥': difference >= 0, '≤': difference <= 0, '>': difference > 0, '<': difference < 0, '=': isEqual }
  return isMet[holds] ? 'met' : '**missed**'
}

function text(value: number): string {
  if (Number.isNaN(value)) return '–'
  const isWhole = Math.abs(value - Math.round(value)) < closeEnough
  return isWhole || value >= 1000 ? value.toFixed(0) : value.toFixed(2)
}
