import assert from 'node:assert/strict'
import { globSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { SeededRandom } from '../../support/seeded-random.ts'
import { tempDir } from '../../support/temp-dir.ts'
import type { Server } from './server.ts'

/** In seconds: minutes to years. */
const distances = [300, 10_800, 3_456_000, 94_608_000]

/** The clock of a machine as its programs see it, which can be set while they run. Time that passes is not changed. */
export interface Clock {
  /** For each program that is to have it. */
  readonly env: Readonly<Record<string, string>>
  /** Seconds from the true time, at once and for all that have it. */
  set(seconds: number): void
  /** Somewhere else, forwards or backwards. */
  jump(random: SeededRandom): void
  /** Throws unless this server really has this clock. */
  check(server: Server): void
}

/** libfaketime answers for the kernel: it stands between the program and the C library, in every thread. */
export async function openClock(t: TestContext): Promise<Clock> {
  const [library] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')
  assert(library !== undefined, 'the Debian package faketime is installed')
  const file = join(await tempDir(t), 'clock')
  let offset = 0
  const set = (seconds: number) => {
    offset = seconds
    writeFileSync(`${file}.new`, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}\n`)
    // Whole, or not at all: a program reads it at any moment.
    renameSync(`${file}.new`, file)
  }
  set(0)
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      // What the kernel says of files is left as it is.
      NO_FAKE_STAT: '1',
    },
    set,
    jump: (random) => set(random.pick([-1, 1]) * random.pick(distances) + random.between(0, 59)),
    check(server) {
      const told = /"time":"([^"]+)"/.exec(server.log)?.[1] ?? ''
      const away = Date.parse(told) - Date.now() - offset * 1000
      assert(Math.abs(away) < 60_000, `a server started with a clock ${offset} s away says it is ${told}`)
    },
  }
}
