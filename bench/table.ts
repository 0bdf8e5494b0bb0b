import type { Column, Figures } from './rows/row.ts'
import type { RowResult } from './run-row.ts'
import { spreadOf } from './spread.ts'

/** One row of the scoreboard as a Markdown section: a table with a line for each server, and what could not be measured. */
export function section(result: RowResult): string {
  const [main, ...others] = result.columns
  if (main === undefined) throw new Error(`row ${result.name} has no columns`)
  const base = result.contestants[0]
  const measured = result.contestants.filter(({ rounds }) => rounds.length > 0)
  const head = ['server', `${main.label}: median (range)`, `${base?.name} ÷ it`, ...others.map(({ label }) => label)]
  const lines = measured.map(({ name, rounds }) => {
    const ratio =
      base === undefined || base.rounds.length === 0 ? undefined : medianOf(base.rounds, main) / medianOf(rounds, main)
    const rest = others.map((column) => shown(medianOf(rounds, column), column))
    return [name, spread(rounds, main), ratio === undefined ? '–' : ratio.toFixed(2), ...rest]
  })
  const faults = result.contestants
    .filter(({ fault }) => fault !== undefined)
    .map(({ name, rounds, fault }) => `- ${name}: ${rounds.length === 0 ? 'not measured' : 'broke off'}: ${fault}`)
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'))
  const table = measured.length === 0 ? [] : [head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`)
  return [`### ${result.title}`, '', ...table, ...(faults.length > 0 ? ['', ...faults] : []), ''].join('\n')
}

export function medianOf(rounds: readonly Figures[], column: Column): number {
  return spreadOf(valuesOf(rounds, column)).median
}

function spread(rounds: readonly Figures[], column: Column): string {
  const { median, least, most } = spreadOf(valuesOf(rounds, column))
  const text = (value: number) => value.toFixed(column.digits)
  return rounds.length === 1 ? text(median) : `${text(median)} (${text(least)} – ${text(most)})`
}

const valuesOf = (rounds: readonly Figures[], { key }: Column): number[] =>
  rounds.map((figures) => figures[key] ?? Number.NaN)

/** A figure that a server cannot give is a dash. */
const shown = (value: number, { digits }: Column): string => (Number.isNaN(value) ? '–' : value.toFixed(digits))
