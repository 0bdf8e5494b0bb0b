import type { NotCached } from './not-cached.ts'

/** How a fill ended. `wrong`: what arrived did not match what the upstream declares. */
export type FillOutcome = 'committed' | 'wrong' | 'upstream-failed' | 'cache-failed' | 'deleted' | 'stopped'

/** Why a committed image left the cache. */
export type EvictionCause = 'space' | 'deleted' | 'gone-upstream' | 'changed' | 'unverified'

/** What the cache reports as it happens; the program turns it into logs and counters. Implementations never throw. */
export interface CacheEvents {
  fillStarted(id: string, facts: { size: number; resumedAt: number }): void
  fillResumed(id: string, facts: { at: number; attempt: number; cause: string }): void
  fillEnded(id: string, facts: { outcome: FillOutcome; received: number; ms: number; error?: unknown }): void
  received(bytes: number): void
  notCached(id: string, reason: NotCached, error?: unknown): void
  evicted(id: string, cause: EvictionCause, size: number): void
  /** Something of ours failed and was worked around: the download went on. */
  fault(what: string, id: string | undefined, error: unknown): void
}
