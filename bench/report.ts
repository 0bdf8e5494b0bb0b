import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { expectationTable } from './expectation.ts'
import { expectations } from './expectations.ts'
import { type Machine, machineLine } from './machine.ts'
import type { Options } from './options.ts'
import { drawPlot, type Plot, plots } from './plot/plot.ts'
import type { RowResult } from './run-row.ts'
import { section } from './table.ts'

/** All that one run of the bench has found, as it is kept in JSON. */
export type Measurement = Readonly<{
  /** ISO 8601, UTC. */
  startedAt: string
  /** How long the run took. */
  minutes: number
  machine: Machine
  options: Options
  /** Size of the large image, `1 GiB`. */
  image: string
  results: readonly RowResult[]
}>

const checkout = join(import.meta.dirname, '..')

/** The whole scoreboard in Markdown, with the plots that lie beside it. */
export function reportOf(measurement: Measurement, drawn: readonly Plot[]): string {
  const { startedAt, machine, options, image, minutes, results } = measurement
  const rounds = `${options.rounds} round${options.rounds === 1 ? '' : 's'}`
  const head = `${machineLine(machine)}. Large image: ${image}; ${rounds}; ${startedAt}; the run took ${minutes.toFixed(0)} minutes.`
  return [
    '# Scoreboard',
    '',
    'Written by `npm run bench`; [benchmarks.md](../benchmarks.md) says how everything is measured.',
    '',
    head,
    '',
    '## Expected and measured',
    '',
    expectationTable(expectations, results),
    ...drawn.flatMap(({ file, title }) => [`![${title}](${file})`, '']),
    '## Figures',
    '',
    ...results.map(section),
  ].join('\n')
}

/**
 * Keeps the figures as JSON, and the report with its plots beside them. A run of all rows at full size with three rounds is the project's
 * scoreboard: its report and plots go into docs/benchmarks instead. Gives the report and its path in the checkout.
 */
export async function save(measurement: Measurement): Promise<{ report: string; path: string }> {
  const { startedAt, options, results, machine, image } = measurement
  const name = startedAt.replaceAll(/[:.]/g, '-')
  const kept = join(import.meta.dirname, 'results')
  const isScoreboard = options.only.length === 0 && options.rounds >= 3 && options.sizeMiB === 1024
  const dir = isScoreboard ? join(checkout, 'docs/benchmarks') : join(kept, name)
  await mkdir(kept, { recursive: true })
  await mkdir(dir, { recursive: true })
  await writeFile(join(kept, `${name}.json`), `${JSON.stringify(measurement, undefined, 2)}\n`)
  const caption = `Large image: ${image}; medians of ${options.rounds}, and a line from the least to the most; ${machine.cores} cores (${machine.processor}), ${startedAt.slice(0, 10)}, commit ${machine.commit}`
  const drawn: Plot[] = []
  for (const plot of plots) {
    const svg = drawPlot(plot, results, caption)
    // One of an earlier run beside a report without it would be taken for one of this.
    if (svg === undefined) await rm(join(dir, plot.file), { force: true })
    else {
      await writeFile(join(dir, plot.file), svg)
      drawn.push(plot)
    }
  }
  const report = reportOf(measurement, drawn)
  const path = join(dir, 'report.md')
  await writeFile(path, report)
  return { report, path: relative(checkout, path) }
}
