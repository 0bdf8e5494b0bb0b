import { appendFileSync } from 'node:fs'
import { relative } from 'node:path'

/** The parts of the matrix; each is a folder here and a section of docs/faults.md. */
export const areas = ['disk', 'power', 'kill', 'upstream', 'client', 'authority', 'long-run'] as const
export type Area = (typeof areas)[number]

/** One case of the fault matrix, as a test has seen it end well. */
export type Seen = Readonly<{
  area: Area
  /** What breaks, in few words: `EIO`, `kill -9`, `reset after half of the body`. */
  fault: string
  /** What was being done then: `fill: rename to incomplete/<id>`. The same words for each driver, no numbers that vary. */
  step: string
  /** What this case ran with; a case that no driver is part of is one for both. */
  driver: 'sqlite' | 'xattr' | 'any'
  /** What the client got. From a small set of phrases, so that a reader can compare. */
  client: string
  /** What was on disk after it (and after a restart, where the case has one). */
  disk: string
}>

/** Something measured or counted in a whole run: rounds, seeds, seconds, MiB. */
export type Figure = Readonly<{ area: Area; name: string; value: string }>

/** As it is written down: with the test file that saw it. */
export type SeenLine = Readonly<{ kind: 'seen'; test: string } & Seen>
export type Line = SeenLine | Readonly<{ kind: 'figure' } & Figure>

/** Tells the matrix of a case. Called when all of its promises have been seen to hold, and only then. */
export const saw = (seen: Seen): void => write({ kind: 'seen', test: testFile(), ...seen })

export const figure = (told: Figure): void => write({ kind: 'figure', ...told })

/** node:test runs each file as the main module of a process. */
const testFile = (): string => relative(process.cwd(), process.argv[1] ?? '')

/** One line in one write: test files run in processes of their own, beside one another. */
function write(line: Line): void {
  const path = process.env.FAULTS_SEEN
  if (path !== undefined) appendFileSync(path, `${JSON.stringify(line)}\n`)
}
