import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { DriverName } from '../../support/proxy.ts'
import { type ScriptedUpstream, startUpstream } from '../../support/scripted-upstream.ts'
import type { Content } from '../../support/upstream-bytes.ts'
import { isSample, seed } from '../matrix/sample.ts'
import { figure, saw } from '../matrix/seen.ts'
import { casesOf, type PowerCase, sampled } from './cases.ts'
import { faults } from './choosers.ts'
import { layOut } from './laid-out.ts'
import { recordLarge } from './large-scene.ts'
import { judge } from './oracle.ts'
import { recordSmall } from './small-scene.ts'
import { stepsOf } from './steps.ts'
import type { Recorded, World } from './tape.ts'

/** How many disks in a whole run, and in a sampled one; the two drivers have a thousand together. */
const scenes = [
  { words: 'small images', record: recordSmall, whole: 420, some: 24 },
  { words: 'a large image', record: recordLarge, whole: 80, some: 5 },
] as const

/** Records the server with this driver, and starts it on what power cuts leave. */
export function powerSuite(driver: DriverName): void {
  describe(`the power goes, ${driver}`, () => {
    for (const { words, record, whole, some } of scenes) {
      test(words, { timeout: 1_500_000 }, async (t) => {
        const recorded = await record(t, driver)
        const steps = stepsOf(recorded)
        const cases = sampled(casesOf(recorded, steps, whole), some)
        const upstream = await startUpstream(t)
        const there = new Map<string, Content | undefined>()
        const began = performance.now()
        for (const [nth, one] of cases.entries()) {
          const { step, fault } = one
          supply(upstream, step.world, there)
          await t.test(`${step.words}; ${faults[fault]} (${nth})`, (t) => run(t, recorded, one, upstream))
        }
        if (isSample) return
        const seconds = Math.round((performance.now() - began) / 1000)
        const places = new Set(steps.flatMap(({ cuts }) => cuts)).size
        const value = `${cases.length}, of ${places} moments of the recording, seed ${seed}, ${seconds} s`
        figure({ area: 'power', name: `disks that a server was started on: ${words}, ${driver}`, value })
      })
    }
  })
}

async function run(t: TestContext, recorded: Recorded, one: PowerCase, upstream: ScriptedUpstream): Promise<void> {
  const { step, fault } = one
  const dir = join(recorded.place, 'state')
  await layOut(one.disk(), recorded.originals, dir)
  await judge(t, recorded, step, upstream, dir)
  saw({
    area: 'power',
    fault: faults[fault],
    step: step.words,
    driver: recorded.driver,
    client: 'the whole image; from the cache where it was told to be there',
    disk: 'what was told to be there; of the rest only synced bytes count',
  })
}

/** Digests of a large image take their time: what is there already stays. */
function supply(upstream: ScriptedUpstream, world: World, there: Map<string, Content | undefined>): void {
  for (const [id, content] of world) {
    if (there.get(id) === content) continue
    there.set(id, content)
    if (content === undefined) upstream.removeImage(id)
    else upstream.addImage({ id, bytes: content, hashAlgo: 'sha256' })
  }
}
