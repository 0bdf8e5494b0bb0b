import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expectationTable } from './expectations.ts'
import { type Machine, machineLine } from './machine.ts'
import type { Options } from './options.ts'
import type { RowResult } from './run-row.ts'
import { section } from './table.ts'

/** All that one run of the bench has found, as it is kept in JSON. */
export type Measurement = Readonly<{
  /** ISO 8601, UTC. */
  startedAt: string
  machine: Machine
  options: Options
  /** Size of the large image, `1 GiB`. */
  image: string
  results: readonly RowResult[]
}>

/** The whole scoreboard in Markdown. */
export function reportOf({ startedAt, machine, options, image, results }: Measurement): string {
  const rounds = `${options.rounds} round${options.rounds === 1 ? '' : 's'}`
  const head = `${machineLine(machine)}. Large image: ${image}; ${rounds}; ${startedAt}.`
  return [head, '', ...results.map(section), '### Expected and measured', '', expectationTable(results)].join('\n')
}

/** Keeps the figures as JSON and the report beside them. Resolves with the path of the report. */
export async function save(measurement: Measurement, report: string): Promise<string> {
  const dir = join(import.meta.dirname, 'results')
  await mkdir(dir, { recursive: true })
  const base = join(dir, measurement.startedAt.replaceAll(/[:.]/g, '-'))
  await writeFile(`${base}.json`, `${JSON.stringify(measurement, undefined, 2)}\n`)
  await writeFile(`${base}.md`, report)
  return `${base}.md`
}
