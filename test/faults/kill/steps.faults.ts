import { test } from 'node:test'
import { drivers } from '../../support/proxy.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { sample, seed, sized } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { build } from './build.ts'
import { openScene } from './scene.ts'
import { steps } from './steps.ts'

/** Each step is interrupted so often: the moment is never quite the same. */
const times = sized(3, 1)
const random = seededRandom(seed * 101 + 3)

for (const { driver, step } of sample(
  drivers.flatMap((driver) => steps.map((step) => ({ driver, step }))),
  5,
)) {
  test(`kill -9 during ${step.name}, ${driver}`, async (t) => {
    for (let time = 1; time <= times; time++) await step.run(await openScene(t, build(), driver), random)
    const { name, client, disk } = step
    saw({ area: 'kill', fault: 'kill -9', step: name, driver, client, disk })
  })
}
