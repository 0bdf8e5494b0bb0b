import { type SeededRandom, seededRandom } from '../../support/seeded-random.ts'
import { seed } from '../matrix/sample.ts'

/** How one round goes: the same for the same seed and number. */
export type Plan = Readonly<{
  workers: 1 | 2
  /** Servers on the one directory. */
  servers: 1 | 2
  limit: 'soft' | 'hard'
  prunes: boolean
  /** Before everything is killed, one of several goes alone, and the others must do without it. */
  first: 'nothing' | 'a server' | 'a worker'
  /** From the beginning of the load to the (first) blow (ms), and from there to the last one. */
  blows: readonly [number, number]
  rangeMiss: 'pass' | 'fill'
  stallTime: 0 | 86_400
  /** A program of cron's that runs beside the servers. */
  program: 'cache-pruner.js' | 'cache-cleaner.js' | 'cache-prefetcher.js' | undefined
  random: SeededRandom
}>

export function planOf(round: number): Plan {
  const random = seededRandom(seed * 1_000_003 + round * 7919)
  // Its first numbers are much the same for neighbours.
  for (let skipped = 0; skipped < 20; skipped++) random.between(0, 1)
  const one = (inHowMany: number) => random.between(1, inHowMany) === 1
  const workers = one(8) ? 2 : 1
  const servers = workers === 1 && one(6) ? 2 : 1
  const first = !one(2) ? 'nothing' : workers === 2 ? 'a worker' : servers === 2 ? 'a server' : 'nothing'
  return {
    workers,
    servers,
    limit: one(5) ? 'hard' : 'soft',
    prunes: one(4),
    first,
    blows: [random.between(10, 450), first === 'nothing' ? 0 : random.between(20, 200)],
    rangeMiss: one(3) ? 'fill' : 'pass',
    stallTime: one(3) ? 0 : 86_400,
    program: one(12) ? random.pick(['cache-pruner.js', 'cache-cleaner.js', 'cache-prefetcher.js'] as const) : undefined,
    random,
  }
}
