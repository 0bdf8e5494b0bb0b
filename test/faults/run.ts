/**
 * npm run faults: runs the fault matrix. Each area is a folder beside this file; its suites are `*.faults.ts`.
 * --sample       a part of each area's cases, in a few minutes
 * --area NAME    one area only; may be repeated
 * --seed N       of all that is random (default 1)
 * --write        what a whole run has seen becomes docs/faults.md, or its sections of these areas
 */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { countCases, faultsDocument, missingRows } from './matrix/document.ts'
import { areas, type Line } from './matrix/seen.ts'

const path = 'docs/faults.md'
const written = () => (existsSync(path) ? readFileSync(path, 'utf8') : '')

const { values } = parseArgs({
  options: {
    sample: { type: 'boolean', default: false },
    area: { type: 'string', multiple: true, default: [] },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
})
if (!/^[0-9]{1,9}$/.test(values.seed)) throw new Error(`--seed ${values.seed}: give a whole number`)
for (const name of values.area) {
  if (!areas.some((area) => area === name)) throw new Error(`--area ${name}: there are ${areas.join(', ')}`)
}
if (values.write && values.sample) throw new Error('--write wants a whole run, not a sample')

const chosen = areas.filter((area) => values.area.length === 0 || values.area.includes(area))
const temp = mkdtempSync(join(tmpdir(), 'afterimage-faults-'))
const seenPath = join(temp, 'seen')
writeFileSync(seenPath, '')
let status = 0
for (const area of chosen) {
  const files = globSync(`test/faults/${area}/*.faults.ts`).sort()
  if (files.length === 0) throw new Error(`test/faults/${area} has no suite`)
  console.log(`\n=== ${area}`)
  const env = {
    ...process.env,
    FAULTS_SEEN: seenPath,
    FAULTS_SEED: values.seed,
    FAULTS_SAMPLE: values.sample ? '1' : '0',
  }
  const ran = spawnSync(process.execPath, ['--test', '--test-concurrency=2', ...files], { stdio: 'inherit', env })
  if (ran.status !== 0) status = 1
}

const lines = readFileSync(seenPath, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line): Line => JSON.parse(line))
rmSync(temp, { recursive: true })
const seen = lines.filter((line) => line.kind === 'seen')
console.log(`\n${countCases(seen)} distinct cases ran clean`)
for (const line of lines) if (line.kind === 'figure') console.log(`${line.area}: ${line.name}: ${line.value}`)

if (values.write && status === 0) {
  writeFileSync(path, faultsDocument(lines, chosen, written()))
  console.log(`wrote ${path}`)
} else if (!values.write) {
  const missing = missingRows(lines, written())
  for (const row of missing) console.log(`not in ${path}: ${row}`)
  if (missing.length > 0) status = 1
}
process.exitCode = status
