import type { ImageEntry } from '../../drivers/driver.ts'
import { isImageId } from '../cache/image-id.ts'

/** Images that are to be verified now, the most urgent first; and when the next one is due (Unix ms) when there are none. */
export type Due = Readonly<{ ids: readonly string[]; nextAt: number }>

export type DueOptions = Readonly<{
  now: number
  /** Between two verifications of an image (ms); undefined: only those that were never proven. */
  intervalMs: number | undefined
  /** Whether those that were never proven are wanted. */
  withUnproven: boolean
  /** Before this (Unix ms) an image is left alone. */
  notBefore(id: string): number
  /** How many ids are given at most: memory stays flat however many there are. */
  most: number
}>

type Candidate = Readonly<{ id: string; provenAt: number; accessedAt: number }>

/** Never proven ones first, of them the last used; then those that were proven longest ago. */
const byUrgency = (a: Candidate, b: Candidate): number => a.provenAt - b.provenAt || b.accessedAt - a.accessedAt

export async function dueOf(
  entries: AsyncIterable<ImageEntry>,
  { now, intervalMs, withUnproven, notBefore, most }: DueOptions,
): Promise<Due> {
  let candidates: Candidate[] = []
  let nextAt = Number.POSITIVE_INFINITY
  for await (const { id, facts, accessedAt } of entries) {
    if (!isImageId(id) || (facts === undefined && !withUnproven)) continue
    const provenAt = facts?.verifiedAt ?? Number.NEGATIVE_INFINITY
    const dueAt = Math.max(facts === undefined ? 0 : provenAt + (intervalMs ?? Number.POSITIVE_INFINITY), notBefore(id))
    if (dueAt > now) {
      nextAt = Math.min(nextAt, dueAt)
      continue
    }
    candidates.push({ id, provenAt, accessedAt })
    if (candidates.length >= 2 * most) candidates = mostUrgent(candidates, most)
  }
  return { ids: mostUrgent(candidates, most).map(({ id }) => id), nextAt }
}

const mostUrgent = (candidates: readonly Candidate[], most: number): Candidate[] =>
  candidates.toSorted(byUrgency).slice(0, most)
