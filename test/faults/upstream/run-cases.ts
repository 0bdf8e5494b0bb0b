import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DriverName, drivers } from '../../support/proxy.ts'
import { sample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import type { Fault } from './answers/fault.ts'
import { outcomeOf, type Step, stepNames } from './outcomes.ts'
import { type Scene, startScene } from './scene.ts'
import { steps } from './steps.ts'

/** Cases that run beside one another: most of their time is waiting. */
const together = 6

export type CasesOptions = Readonly<{
  /** How many of them a sampled run takes, of each driver. */
  sampled: number
  /** `any`: the disk has no part in it. */
  driver?: 'any'
  /** At once, when not as many as usual. */
  together?: number
  flags?: readonly string[]
  /** Looks at more than what every case promises. */
  around?(run: () => Promise<void>, scene: Scene, fault: Fault): Promise<void>
}>

/** Runs each fault at one step, with each driver: what the client got, what is on disk, and that all is well afterwards. */
export function runCases(step: Step, faults: readonly Fault[], options: CasesOptions): void {
  const meant = faults.filter((fault) => outcomeOf(step, fault) !== undefined)
  for (const driver of options.driver === 'any' ? (['sqlite'] as const) : drivers) {
    const concurrency = options.together ?? together
    test(`${stepNames[step]}, ${options.driver ?? driver}`, { concurrency }, async (t) => {
      const scene = await startScene(t, driver, options.flags)
      const run = (fault: Fault) => oneCase(scene, step, fault, options.driver ?? driver)
      const around = options.around ?? ((inner: () => Promise<void>) => inner())
      await Promise.all(
        sample(meant, options.sampled).map((fault) => t.test(fault.name, () => around(() => run(fault), scene, fault))),
      )
    })
  }
}

async function oneCase(scene: Scene, step: Step, fault: Fault, driver: DriverName | 'any'): Promise<void> {
  const expected = outcomeOf(step, fault)
  assert(expected !== undefined)
  const { run, bytes } = steps[step]
  const image = scene.image(bytes)
  assert.equal(await run(scene, image, fault), expected.client, 'the client got')
  assert.equal(scene.store.left(image.id), 0, 'the fault has struck')
  if (step !== 'other') await afterwards(scene, step, image, expected.disk)
  saw({ area: 'upstream', fault: fault.name, step: stepNames[step], driver, ...expected })
}

async function afterwards(scene: Scene, step: Step, image: Parameters<Scene['disk']>[0], disk: string): Promise<void> {
  const isSettled = step !== 'prefetch' && disk !== 'committed in the end'
  if (isSettled) await scene.becomes(image, disk)
  await scene.recovers(image, disk.startsWith('left over'))
}
