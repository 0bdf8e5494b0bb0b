import type { Script } from '../hostile-store.ts'
import type { Outcome, Step } from '../outcomes.ts'
import { head, type RightAnswer } from '../right-answer.ts'

/**
 * What a fault leaves of an answer, as seen by whoever asked:
 * - `harmless`: all of it, though late or oddly dressed.
 * - `unheard`: the connection ended before it was there; asking again at once is harmless.
 * - `silent`: nothing that could be used came in time.
 * - `garbled`: its head is none that HTTP knows, or one that cannot be believed.
 * - `broken`: its body breaks off.
 * - `unending`: its body breaks off by silence.
 * - `refused`: a whole answer, of another status.
 * - `contradicting`: its head speaks of another image.
 * - `false`: wrong bytes, which nothing in the head betrays.
 */
export type Effect =
  | 'harmless'
  | 'unheard'
  | 'silent'
  | 'garbled'
  | 'broken'
  | 'unending'
  | 'refused'
  | 'contradicting'
  | 'false'

export type Fault = Readonly<{
  /** What breaks, in the words of the matrix. */
  name: string
  effect: Effect
  script: Script
  /** The body must have several bytes, or there is nothing to break. */
  needsBody?: true
  /** Of a refusal. */
  status?: number
  /** Where it comes to something else than its effect does in general; `none`: it makes no sense there. */
  but?: Readonly<Partial<Record<Step, Outcome | 'none'>>>
}>

/** The answer as it should be, as one run of bytes. */
export const whole = (right: RightAnswer): Buffer => Buffer.concat([Buffer.from(head(right), 'latin1'), right.body])
