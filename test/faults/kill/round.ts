import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { deadline } from '../../support/deadline.ts'
import type { Build } from './build.ts'
import { Load } from './load.ts'
import type { Before } from './oracle.ts'
import type { Plan } from './plan.ts'
import type { Server } from './server.ts'
import type { World } from './world.ts'

const clients = 8

/** What one round has to tell the next, and the figures. */
export type Round = Readonly<{ before: Before; startedIn: number; requests: number }>

export type RoundOptions = Readonly<{
  env?: Readonly<Record<string, string>>
  /** Called with a server that has just become ready. */
  onReady?: (server: Server) => void
  /** Something that happens to the machine while the clients are at work. */
  meanwhile?: () => void
  /** Ends all servers that are left; kills them unless given. */
  end?: (servers: readonly Server[]) => Promise<void>
  /** What the store sends in a second at least. */
  slowest?: number
}>

/** Starts, compares what is there with what there was, puts it under load, and kills it at the planned moment. */
export async function playRound(
  world: World,
  build: Build,
  plan: Plan,
  before: Before,
  options: RoundOptions = {},
): Promise<Round> {
  const { images, marks, oracle, disk } = world
  const mayEvict = plan.limit === 'hard'
  const flags = [
    `--workers=${plan.workers}`,
    `--cache-limit=${plan.limit}`,
    `--cache-range-miss=${plan.rangeMiss}`,
    `--image-cache-stall-time=${plan.stallTime}`,
  ]
  const servers = Array.from({ length: plan.servers }, () => world.start(flags, options.env))
  const [server] = await Promise.all(servers.map((each) => each.ready()))
  if (server === undefined) throw new Error('a round needs a server')
  const explained = (error: unknown) => {
    throw new Error(
      `${error instanceof Error ? error.message : error}\n${servers.map(({ log }) => log).join('\n---\n')}`,
    )
  }
  options.onReady?.(server)
  await oracle.check(server, before, true, mayEvict).catch(explained)

  images.forgetBefore(performance.now() - 2000)
  const breaking = misbehave(world, plan, options.slowest ?? 1_000_000)
  const leftOver = new Set(disk.names('incomplete'))
  const load = new Load({ images, marks, random: plan.random, servers, breaking, leftOver, prunes: plan.prunes })
  const working = Promise.all(Array.from({ length: clients }, () => load.client()))
  const program = plan.program === undefined ? undefined : runProgram(world, build, plan.program)
  if (program !== undefined && plan.program === 'cache-pruner.js') marks.prunes++

  await delay(plan.blows[0])
  options.meanwhile?.()
  if (plan.first !== 'nothing') {
    oracle.before(mayEvict)
    if (plan.first === 'a server') await servers[1]?.kill()
    else killOne(server, plan)
    await delay(plan.blows[1])
  }
  const left = servers.filter(({ isGone }) => !isGone)
  const last = oracle.before(mayEvict)
  if (options.end === undefined) await Promise.all(left.map((each) => each.kill()))
  else await options.end(left).catch(explained)
  program?.kill()
  load.stop()
  await deadline(working, 'every client has its answer', 30_000).catch(explained)
  await program?.ended
  for (const id of images.ids) world.upstream.everyFile(id, undefined)
  world.upstream.forgetFaults()
  const complained = servers.filter(({ complaints }) => complaints !== '').map(() => 'a server writes to stderr')
  if (load.problems.length + complained.length > 0) explained([...load.problems, ...complained].join('\n'))
  return { before: last, startedIn: Math.max(...servers.map(({ startedIn }) => startedIn)), requests: load.requests }
}

function killOne(server: Server, { random }: Plan): void {
  server.strike()
  process.kill(random.pick(server.workers()), 'SIGKILL')
}

/** Some images come slowly, a few break off on their way, and of some a byte is wrong. Gives which break. */
function misbehave({ images, upstream, marks }: World, { random }: Plan, slowest: number): ReadonlySet<string> {
  const breaking = new Set<string>()
  for (const id of images.ids) {
    const size = images.now(id)?.size ?? 0
    // Where nothing is declared of an image, nobody can tell a wrong byte.
    if (random.between(1, 15) === 1 && images.now(id)?.etag !== undefined) {
      marks.corrupted(id)
      upstream.everyFile(id, { corruptAt: random.between(0, size - 1) })
    } else if (random.between(0, 9) < 3) {
      upstream.everyFile(id, { bytesPerSecond: random.pick([slowest, 6_000_000, 20_000_000]) })
    } else if (random.between(0, 9) === 0 && size > 1) {
      breaking.add(id)
      upstream.nextFile(id, { resetAt: random.between(1, size - 1) })
    }
  }
  return breaking
}

/** One of the programs that cron would run, on the same directory; killed with the servers if it is not done by then. */
function runProgram({ directory }: World, build: Build, name: string): { kill(): void; ended: Promise<unknown> } {
  const child = spawn(process.execPath, [build.program(name), ...directory], {
    stdio: 'ignore',
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: build.compileCache },
  })
  return { kill: () => void child.kill('SIGKILL'), ended: once(child, 'close') }
}
