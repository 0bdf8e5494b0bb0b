import { buildSite } from './build-site.ts'
import { describeMachine } from './machine.ts'
import { type Options, readOptions } from './options.ts'
import { startOnce } from './peers/start-once.ts'
import { reasons } from './reasons.ts'
import { save } from './report.ts'
import { rows } from './rows.ts'
import { type RowResult, runRow } from './run-row.ts'

/** Measures, prints the report and keeps it. False when something of our own could not be measured. */
async function run(options: Options): Promise<boolean> {
  const startedAt = new Date().toISOString()
  const machine = await describeMachine(options.dir)
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.abort(new Error(`ended by ${signal}, nothing is kept`)))
  }
  await using cleanup = new AsyncDisposableStack()
  const site = await buildSite(options, interrupted.signal, cleanup)
  const start = startOnce(site, cleanup)

  const results: RowResult[] = []
  for (const row of rows) {
    if (options.only.length > 0 && !options.only.includes(row.name)) continue
    results.push(await runRow(row, options.rounds, site, start))
  }
  const minutes = (Date.now() - Date.parse(startedAt)) / 60_000
  const { report, path } = await save({ startedAt, minutes, machine, options, image: site.images.large.label, results })
  console.log(report)
  console.error(`kept as ${path}`)
  return results.every(({ contestants }) => contestants[0]?.fault === undefined)
}

try {
  const names = rows.map(({ name }) => name)
  const options = readOptions(process.argv.slice(2), names)
  if (options !== undefined && !(await run(options))) process.exitCode = 1
} catch (error) {
  console.error(`bench: ${reasons(error)}`)
  process.exitCode = 2
}
