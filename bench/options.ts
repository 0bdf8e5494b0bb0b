import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const usage = `npm run bench -- [options]
  --rounds N   how often every server of a row is measured, in turn (default 5)
  --size MiB   size of the large image, a multiple of 16 (default 1024); the others follow it
  --quick      one round with a 128 MiB image: does everything run? No figures to quote
  --only ROWS  these rows only, with commas between them; may be repeated
  --dir DIR    where images and caches are put, on a real disk (default: the system's temporary directory)
  --help       this text, and the names of the rows
BENCH_STACK=DIR  the directory of a running Keystone and Glance (with an openrc); default: stack in the system's temporary directory`

export type Options = Readonly<{
  /** How often every contestant is measured. */
  rounds: number
  quick: boolean
  /** Of the large image. */
  sizeMiB: number
  /** Names of rows; empty for all. */
  only: readonly string[]
  dir: string
  stack: string
}>

/** What the command line asks for; undefined when it asked for help, which is then printed. Throws on anything unknown. */
export function readOptions(args: readonly string[], rowNames: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      size: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      dir: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(`${usage}\nrows: ${rowNames.join(' ')}`)
    return undefined
  }
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5))
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${values.rounds}: give a whole number from 1`)
  const sizeMiB = Number(values.size ?? (values.quick ? 128 : 1024))
  if (!(sizeMiB > 0) || sizeMiB % 16 !== 0) throw new Error(`--size ${values.size}: give a multiple of 16`)
  const only = values.only.flatMap((names) => names.split(','))
  for (const name of only) {
    if (!rowNames.includes(name)) throw new Error(`--only ${name}: no such row; there are ${rowNames.join(', ')}`)
  }
  const { quick, dir } = values
  return { rounds, quick, sizeMiB, only, dir, stack: process.env.BENCH_STACK ?? join(tmpdir(), 'stack') }
}
