import { test } from 'node:test'
import { drivers } from '../../support/proxy.ts'
import { seed, sized } from '../matrix/sample.ts'
import { figure, saw } from '../matrix/seen.ts'
import { build } from './build.ts'
import { openClock } from './clock.ts'
import { endWell, graceSeconds } from './end-well.ts'
import { playRounds } from './rounds.ts'
import { openWorld } from './world.ts'

const rounds = sized(50, 4)

for (const [half, driver] of drivers.entries()) {
  test(`the clock jumps before and during ${rounds / 2} rounds of mixed load, ${driver}`, async (t) => {
    const built = build()
    const world = await openWorld(t, built, driver, 36, [`--graceful-shutdown-timeout=${graceSeconds}`])
    const clock = await openClock(t)
    const numbers = Array.from({ length: rounds / 2 }, (_, index) => 20_000 + 2 * index + half)
    const counted = await playRounds(world, built, numbers, (plan) => {
      clock.jump(plan.random)
      const isKilled = plan.random.between(0, 1) === 0
      return {
        env: clock.env,
        slowest: 5_000_000,
        onReady: (server) => clock.check(server),
        meanwhile: () => clock.jump(plan.random),
        ...(!isKilled && {
          async end(servers) {
            const ending = endWell(world, servers, plan)
            clock.jump(plan.random)
            await ending
          },
        }),
      }
    })
    saw({
      area: 'kill',
      fault: 'the clock jumps by minutes to years, both ways, then kill -9 or SIGTERM',
      step: 'mixed load: fills, hits, ranges, conditions, deletes, prunes, cleans, prefetches',
      driver,
      client: 'the whole image, or cut off, by a reset',
      disk: 'what was committed; left over, gone on with',
    })
    figure({ area: 'kill', name: `clock jumps, ${driver}`, value: JSON.stringify({ seed, ...counted }) })
    t.diagnostic(JSON.stringify(counted))
  })
}
