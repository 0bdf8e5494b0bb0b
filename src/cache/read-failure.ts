import type { FillOutcome } from './events.ts'
import { ReadFailed } from './reader.ts'

/** What the readers of a fill learn that ended without being proven: it says whether they may go on from the store. */
export function readFailureOf(
  outcome: FillOutcome,
  { cause, isResumed }: Readonly<{ cause: unknown; isResumed: boolean }>,
): ReadFailed {
  const because = { cause }
  switch (outcome) {
    case 'wrong':
      return new ReadFailed('wrong', 'the image is not what the upstream declares', because)
    case 'upstream-failed':
      return new ReadFailed('upstream', 'the upstream broke off and resuming failed', because)
    case 'cache-failed':
      // Bytes of an earlier life may be in the reader's hands, and nothing says any more that they were right.
      return isResumed
        ? new ReadFailed('wrong', 'the cache failed, and what it had from before cannot be proven any more', because)
        : new ReadFailed('cache', 'the cache failed', because)
    default:
      return new ReadFailed('closed', 'the fill was stopped', because)
  }
}
