/**
 * What does a large cache cost? For each metadata driver, directories with many tiny images: the server's start and its
 * lists, and what one request asks of the cache: `npm run bench:scale -- [--sizes 1000,10000,100000] [--rounds 3]
 * [--dir DIR] [--write]`. `--write` puts the table into docs/benchmarks/scale.md.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine, machineLine } from '../machine.ts'
import { manyImages, timeCache } from './scale-cache.ts'
import { fillDirectory } from './scale-directory.ts'
import { scaleDocument } from './scale-document.ts'
import { timeServer } from './scale-server.ts'

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,10000,100000' },
    rounds: { type: 'string', default: '3' },
    dir: { type: 'string', default: tmpdir() },
    write: { type: 'boolean', default: false },
  },
})
const sizes = values.sizes.split(',').map((text) => numberFrom('--sizes', text, 10 * manyImages))
const rounds = numberFrom('--rounds', values.rounds, 1)

await using cleanup = new AsyncDisposableStack()
const home = await mkdtemp(join(values.dir, 'afterimage-scale-'))
cleanup.defer(() => rm(home, { recursive: true, force: true }))

const machine = machineLine(await describeMachine(home))
const columns = []
for (const driver of ['sqlite', 'xattr']) {
  for (const entries of sizes) {
    const dir = join(home, `${driver}-${entries}`)
    await fillDirectory(dir, driver, entries)
    const server = await timeServer(dir, driver, entries, rounds)
    const cache = await timeCache(dir, driver, entries)
    columns.push({ driver, entries, ...server, ...cache })
    await rm(dir, { recursive: true })
    console.error(`${driver}: ${entries} images are done`)
  }
}
const document = scaleDocument(columns, machine, new Date())
console.log(document)
if (values.write) {
  const docs = join(import.meta.dirname, '../../docs/benchmarks')
  await mkdir(docs, { recursive: true })
  await writeFile(join(docs, 'scale.md'), document)
}

function numberFrom(option: string, text: string, least: number): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < least)
    throw new Error(`${option} ${text}: give whole numbers from ${least}`)
  return number
}
