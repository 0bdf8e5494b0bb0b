import { test } from 'node:test'
import { drivers } from '../../support/proxy.ts'
import { seed, sized } from '../matrix/sample.ts'
import { figure, saw } from '../matrix/seen.ts'
import { build } from './build.ts'
import { endWell, graceSeconds } from './end-well.ts'
import { playRounds } from './rounds.ts'
import { openWorld } from './world.ts'

const rounds = sized(50, 4)

for (const [half, driver] of drivers.entries()) {
  test(`SIGTERM at a random moment of mixed load, ${rounds / 2} times, ${driver}`, async (t) => {
    const built = build()
    const world = await openWorld(t, built, driver, 36, [`--graceful-shutdown-timeout=${graceSeconds}`])
    const numbers = Array.from({ length: rounds / 2 }, (_, index) => 10_000 + 2 * index + half)
    const counted = await playRounds(world, built, numbers, (plan) => ({
      slowest: 5_000_000,
      end: (servers) => endWell(world, servers, plan),
    }))
    saw({
      area: 'kill',
      fault: 'SIGTERM at a random moment',
      step: 'mixed load: fills, hits, ranges, conditions, deletes, prunes, cleans, prefetches',
      driver,
      client: 'the whole of what had begun to arrive',
      disk: 'what was committed; left over, gone on with; exit code 0',
    })
    figure({ area: 'kill', name: `SIGTERM, ${driver}`, value: JSON.stringify({ seed, ...counted }) })
    t.diagnostic(JSON.stringify(counted))
  })
}
