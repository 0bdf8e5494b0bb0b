import type { NotCached } from './not-cached.ts'

/** How a fill ended. `wrong`: what arrived did not match what the upstream declares. */
export type FillOutcome = 'committed' | 'wrong' | 'upstream-failed' | 'cache-failed' | 'deleted' | 'stopped'

/** Why a committed image left the cache; `removed`: an operator said so, `deleted`: it was deleted in the store. */
export type EvictionCause = 'space' | 'removed' | 'deleted' | 'gone-upstream' | 'changed' | 'unverified'

/** How one attempt to prefetch a queued image ended. `failed`: it is left in the queue; `postponed`: another one follows. */
export type PrefetchOutcome = 'cached' | 'failed' | 'postponed' | 'stopped'

/**
 * `intact`: the bytes have the digest that the store declares. `repaired`: they had not, and a new copy is in their
 * place. `damaged`: they had not, and no new copy could be had: the bad one is in `invalid/`. `outdated`: the store
 * holds other bytes under this id now; ours went. `gone`: the store has no such image; ours went. `undeclared`: the
 * store declares no digest that could be compared. `unknown`: the store could not be asked; ours stayed as it is.
 */
export type VerifyOutcome = 'intact' | 'repaired' | 'damaged' | 'outdated' | 'gone' | 'undeclared' | 'unknown'

/** What the cache reports as it happens; the program turns it into logs and counters. Implementations never throw. */
export interface CacheEvents {
  fillStarted(id: string, facts: { size: number; resumedAt: number }): void
  fillResumed(id: string, facts: { at: number; attempt: number; cause: string }): void
  fillEnded(id: string, facts: { outcome: FillOutcome; received: number; ms: number; error?: unknown }): void
  received(bytes: number): void
  notCached(id: string, reason: NotCached, error?: unknown): void
  /** A cached image was compared with what the store declares. */
  verified(id: string, facts: { outcome: VerifyOutcome; ms: number; detail: string | undefined }): void
  evicted(id: string, cause: EvictionCause, size: number): void
  prefetched(id: string, facts: { outcome: PrefetchOutcome; reason?: string; pauseMs?: number }): void
  /** Something of ours failed and was worked around: the download went on. */
  fault(what: string, id: string | undefined, error: unknown): void
}
