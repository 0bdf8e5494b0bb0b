import { test } from 'node:test'
import { drivers } from '../../support/proxy.ts'
import { seed, sized } from '../matrix/sample.ts'
import { figure, saw } from '../matrix/seen.ts'
import { build } from './build.ts'
import { playRounds } from './rounds.ts'
import { openWorld } from './world.ts'

const rounds = sized(500, 20)

for (const [half, driver] of drivers.entries()) {
  test(`kill -9 at a random moment of mixed load, ${rounds / 2} times, ${driver}`, async (t) => {
    const built = build()
    const world = await openWorld(t, built, driver, 36)
    const numbers = Array.from({ length: rounds / 2 }, (_, index) => 2 * index + half)
    const counted = await playRounds(world, built, numbers)
    saw({
      area: 'kill',
      fault: 'kill -9 at a random moment',
      step: 'mixed load: fills, hits, ranges, conditions, deletes, prunes, cleans, prefetches',
      driver,
      client: 'the whole image, or cut off, by a reset',
      disk: 'what was committed; left over, gone on with',
    })
    figure({ area: 'kill', name: `kill -9, ${driver}`, value: JSON.stringify({ seed, ...counted }) })
    t.diagnostic(JSON.stringify(counted))
  })
}
