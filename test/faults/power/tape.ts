import assert from 'node:assert/strict'
import { link, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { DriverName } from '../../support/proxy.ts'
import type { ScriptedUpstream } from '../../support/scripted-upstream.ts'
import { tempDir } from '../../support/temp-dir.ts'
import type { Content } from '../../support/upstream-bytes.ts'
import { readCalls } from './calls.ts'
import type { Originals } from './laid-out.ts'
import { type Inode, Recording } from './recording.ts'
import { startTraced, type TracedServer } from './traced-server.ts'

/** What the image store has; undefined: no longer. */
export type World = ReadonlyMap<string, Content | undefined>

/** A part of a recording, from this place on. */
export type Phase = Readonly<{ words: string; id: string | undefined; from: number; world: World }>

export type Recorded = Readonly<{
  recording: Recording
  originals: Originals
  phases: readonly Phase[]
  flags: readonly string[]
  driver: DriverName
  /** On the file system of the originals. */
  place: string
}>

/** Records servers, one after the other, on a directory of its own that is empty at first. */
export class Tape {
  readonly dir: string
  readonly upstream: ScriptedUpstream
  readonly #t: TestContext
  readonly #driver: DriverName
  readonly #flags: readonly string[]
  readonly #place: string
  readonly #recording: Recording
  readonly #kept = new Map<number, string>()
  readonly #marks: Array<Omit<Phase, 'from'> & { time: number }> = []
  readonly #times: Array<Readonly<{ time: number; start: number }>> = []
  #world: World = new Map()
  #next = 0

  constructor(t: TestContext, upstream: ScriptedUpstream, driver: DriverName, place: string, flags: readonly string[]) {
    this.#t = t
    this.upstream = upstream
    this.#driver = driver
    this.#flags = flags
    this.#place = place
    this.dir = join(place, 'recorded')
    this.#recording = new Recording(this.dir)
  }

  static async begin(t: TestContext, upstream: ScriptedUpstream, driver: DriverName, flags: readonly string[] = []) {
    const tape = new Tape(t, upstream, driver, await tempDir(t), flags)
    await mkdir(tape.dir)
    await mkdir(join(tape.#place, 'originals'))
    return tape
  }

  /** What follows is this; `id` is the image that it is about. `changed`: what the store has or has no more from now on. */
  phase(words: string, id?: string, changed: ReadonlyArray<readonly [string, Content | undefined]> = []): void {
    this.#world = new Map([...this.#world, ...changed])
    this.#marks.push({ words, id, world: this.#world, time: Date.now() })
  }

  async start(): Promise<TracedServer> {
    const trace = join(this.#place, 'trace')
    const options = { dir: this.dir, driver: this.#driver, upstream: this.upstream.url, trace, flags: this.#flags }
    const server = await startTraced(this.#t, options)
    const end = async () => {
      const text = await server.end()
      const calls = readCalls(text, this.#next)
      this.#next += text.split('\n').length
      this.#recording.add(calls)
      this.#times.push(...calls.map(({ time, start }) => ({ time, start })))
      return text
    }
    return { ...server, end }
  }

  /** Keeps the very file of this path for the cases: with another name of its own its inode number stays taken. */
  async keep(path: string): Promise<void> {
    const { ino } = await stat(join(this.dir, path))
    if (this.#kept.has(ino)) return
    const original = join(this.#place, 'originals', String(ino))
    await link(join(this.dir, path), original)
    this.#kept.set(ino, original)
  }

  recorded(): Recorded {
    const times = this.#times.sort((a, b) => a.start - b.start)
    const phases = this.#marks.map(({ time, ...phase }) => {
      const from = times.find((call) => call.time >= time)?.start
      assert(from !== undefined, `something happens after ${phase.words} has begun`)
      return { ...phase, from }
    })
    return {
      recording: this.#recording,
      originals: this.#originals(),
      phases,
      flags: this.#flags,
      driver: this.#driver,
      place: this.#place,
    }
  }

  /** A fill's record says what inode number its file has. */
  #originals(): Map<Inode, string> {
    const { names } = this.#recording
    const originals = new Map<Inode, string>()
    for (const renamed of names) {
      const id = /^\.afterimage\/fills\/([0-9a-f-]{36})$/.exec(renamed.path)?.[1]
      const record = renamed.edits[0].inode?.changes.find((change) => change.kind === 'write')
      if (id === undefined || record?.kind !== 'write') continue
      const number = /"inode":(\d+)/.exec(record.bytes.toString())?.[1]
      const isClaim = ({ path, edits, end }: (typeof names)[number]) =>
        path === `incomplete/${id}` && edits[0].inode !== undefined && end < renamed.start
      const inode = names.findLast(isClaim)?.edits[0].inode
      const original = this.#kept.get(Number(number))
      assert(inode !== undefined && original !== undefined, `the file of ${renamed.path} was kept`)
      originals.set(inode, original)
    }
    return originals
  }
}
