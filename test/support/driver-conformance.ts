import { describe, type TestContext, test } from 'node:test'
import type { Driver } from '../../drivers/driver.ts'
import { entryCases } from './driver-cases-entry.ts'
import { factsCases } from './driver-cases-facts.ts'
import { lifeCases } from './driver-cases-life.ts'
import { listCases } from './driver-cases-list.ts'
import { processCases } from './driver-cases-process.ts'
import { touchCases } from './driver-cases-touch.ts'
import type { Scene } from './driver-scene.ts'
import { tempDir } from './temp-dir.ts'

export type Subject = Readonly<{
  name: string
  /** Opening one directory twice gives two drivers of the same images. */
  open(dir: string): Promise<Driver>
  /** Whether other processes can open it too, by its name. Not so in memory. */
  shared: boolean
  /** Why this machine cannot run it; `REQUIRE_DRIVERS=<name>,<name>` makes that a failure. */
  missing?: string | undefined
}>

/** Declares one test: `run` gets a driver of its own on a new directory, closed afterwards. */
export type Case = (title: string, run: (scene: Scene, subject: Subject, t: TestContext) => Promise<void>) => void

/** The contract of drivers/driver.ts, the same for every driver. */
export function conforms(subject: Subject): void {
  const skip = skipReason(subject)

  const declare: Case = (title, run) => {
    test(title, { skip }, async (t) => {
      const dir = await tempDir(t)
      await using driver = await subject.open(dir)
      await run({ driver, dir }, subject, t)
    })
  }

  // Several at a time: most of a test is waiting for its driver's thread to start.
  describe(`driver ${subject.name}`, { concurrency: 4 }, () => {
    entryCases(declare)
    touchCases(declare)
    factsCases(declare)
    listCases(declare)
    lifeCases(declare)
    if (subject.shared) processCases(declare)
  })
}

/** Why tests of this driver are skipped, for node:test; false where they must run. */
export function skipReason({ name, missing }: Pick<Subject, 'name' | 'missing'>): string | false {
  const required = process.env.REQUIRE_DRIVERS?.split(',').includes(name) ?? false
  return required ? false : (missing ?? false)
}
