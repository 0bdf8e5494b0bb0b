import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Plan } from './plan.ts'
import type { Server } from './server.ts'
import type { World } from './world.ts'

/** What a server gives running downloads (s): more than any of these takes. */
export const graceSeconds = 20

/** SIGTERM to all of them: each ends by itself with 0, within the grace time, and leaves nothing of itself. */
export async function endWell(
  { disk, driver }: World,
  servers: readonly Server[],
  { random, first, program }: Plan,
): Promise<void> {
  const whom = random.pick(['process', 'group'] as const)
  const codes = await Promise.all(servers.map((server) => server.terminate((graceSeconds + 10) * 1000, whom)))
  // A worker that was killed a moment before may be noticed only now: then not all has ended well.
  const right = first === 'a worker' ? [0, 1] : [0]
  for (const code of codes)
    assert(
      right.some((each) => each === code),
      `exit code ${code} after SIGTERM to the ${whom}`,
    )
  const own = join(disk.dir, '.afterimage')
  // One that was killed before leaves its own.
  if (first === 'nothing') assert(!existsSync(join(own, 'control.sock')), 'the control socket has gone')
  const drafts = [...readdirSync(own), ...readdirSync(join(own, 'fills'))].filter((name) => name.endsWith('.tmp'))
  assert.deepEqual(drafts, [], 'no temporary file is left')
  // A program beside them has the database open still.
  if (driver === 'sqlite' && program === undefined)
    assert(!existsSync(join(disk.dir, 'cache.db-wal')), 'no write-ahead log is left')
}
