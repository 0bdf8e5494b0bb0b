import type { Following } from './following.ts'
import type { Hit } from './hit.ts'
import type { Led } from './miss.ts'
import type { NotCached } from './not-cached.ts'

/** What those who wait behind the first one learn. */
export type Outcome =
  | Readonly<{ kind: 'following'; following: Following }>
  | Readonly<{ kind: 'pass'; reason: NotCached; detail: string }>
  /** Nothing that holds for others: look again, and be the first yourself if need be. */
  | Readonly<{ kind: 'again' }>

/** What the first one gets: what it led to, or what has been committed since it looked. */
export type First = Led | Readonly<{ kind: 'hit'; hit: Hit }>

/** The first for an image leads, with its own credentials; everybody else may join what comes of it. */
export type Turn =
  | Readonly<{ role: 'first'; led: Promise<First> }>
  | Readonly<{ role: 'joined'; outcome: Promise<Outcome> }>
