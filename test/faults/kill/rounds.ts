import { seed } from '../matrix/sample.ts'
import type { Build } from './build.ts'
import type { Before } from './oracle.ts'
import { type Plan, planOf } from './plan.ts'
import { playRound, type RoundOptions } from './round.ts'
import type { World } from './world.ts'

/** What was counted in a run of rounds. */
export type Count = Readonly<{
  rounds: number
  requests: number
  hits: number
  longestStartMs: number
  seconds: number
}>

/** One round after another on the same directory. What fails names the seed and the round, for whoever repeats it. */
export async function playRounds(
  world: World,
  build: Build,
  numbers: readonly number[],
  options: (plan: Plan, round: number) => RoundOptions = () => ({}),
): Promise<Count> {
  const began = performance.now()
  let before: Before = { ids: [] }
  let requests = 0
  let longestStartMs = 0
  for (const number of numbers) {
    const plan = planOf(number)
    try {
      const round = await playRound(world, build, plan, before, options(plan, number))
      before = round.before
      requests += round.requests
      longestStartMs = Math.max(longestStartMs, round.startedIn)
    } catch (error) {
      const { random: _, ...planned } = plan
      const where = `seed ${seed}, ${world.driver}, round ${number}, ${JSON.stringify(planned)}`
      throw new Error(`${where}: ${error instanceof Error ? error.message : error}`)
    }
  }
  // The last kill wants to be looked at too.
  const server = await world.start().ready()
  await world.oracle.check(server, before, true, false)
  await server.kill()
  const seconds = (performance.now() - began) / 1000
  return { rounds: numbers.length, requests, hits: world.oracle.hits, longestStartMs, seconds }
}
