import type { Caller } from '../origin/origin.ts'
import { readFillRecord } from './fill-record.ts'
import { followForeign } from './foreign-fill.ts'
import type { LeadTurns } from './lead-turns.ts'
import { type Led, lead, type MissTools } from './miss.ts'

/**
 * `lead`, but one process at a time for one image. Who finds that another process fills it asks the upstream only
 * whether its caller may read, opens no download, and takes no place among `cache.max_fills`.
 */
export async function leadOnce(
  tools: MissTools & Readonly<{ turns: LeadTurns }>,
  id: string,
  caller: Caller,
): Promise<Led> {
  const end = await tools.turns.take(id).catch((error: unknown) => {
    tools.events.fault('taking turns with other processes', id, error)
    return () => {}
  })
  try {
    if (await isFilledElsewhere(tools, id)) {
      end()
      const followed = await follow(tools, id, caller)
      if (followed !== undefined) return followed
    }
    return await lead(tools, id, caller)
  } finally {
    end()
  }
}

async function isFilledElsewhere({ layout, space, events }: MissTools, id: string): Promise<boolean> {
  try {
    return (await readFillRecord(layout, id)) !== undefined && (await space.ownedAmong([id])).has(id)
  } catch (error) {
    // To ask the upstream is always right.
    events.fault('looking for the fill of another process', id, error)
    return false
  }
}

/** undefined when that fill has ended meanwhile, or is of another state of the image. */
async function follow(tools: MissTools, id: string, caller: Caller): Promise<Led | undefined> {
  const { origin, followIdleMs: idleMs } = tools
  const [answer, described] = await Promise.all([
    origin.ask(id, caller),
    // The fill is found by it; without it the image is asked for as if there were no fill.
    origin.describe(id, caller).catch(() => undefined),
  ])
  if (answer.kind === 'refusal') return { kind: 'refused', refusal: answer }
  if (described?.kind !== 'described' || described.record.size === undefined) return undefined
  const record = { ...described.record, size: described.record.size }
  const following = await followForeign({ ...tools, idleMs }, id, record)
  return following && { kind: 'following', following, fill: undefined }
}
