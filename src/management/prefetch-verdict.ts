import type { Fetched } from '../cache/fetch.ts'

/** What the prefetcher makes of one attempt. */
export type Verdict =
  | Readonly<{ kind: 'cached' }>
  /** Somebody wanted it no longer. */
  | Readonly<{ kind: 'stopped'; reason: string }>
  | Readonly<{ kind: 'failed'; reason: string; again: Again }>

/**
 * Whether another attempt may do better. `never`: the image store gave a definite answer, asking again at once gives
 * the same. `once`: so much was received that there should be a good chance. `later`: only places are taken, which says
 * nothing about the image and is no failed attempt.
 */
export type Again = 'never' | 'once' | 'pauses' | 'later'

/** `gone`: it is neither queued nor cached any more. */
export type Attempt = Fetched | Readonly<{ kind: 'gone' }>

export function judge(attempt: Attempt): Verdict {
  switch (attempt.kind) {
    case 'committed':
    case 'cached':
      return { kind: 'cached' }
    case 'gone':
      return { kind: 'stopped', reason: 'it was taken out of the queue' }
    case 'stopped':
      return { kind: 'stopped', reason: 'it was stopped' }
    case 'refused':
      return { kind: 'failed', reason: refusal(attempt.status), again: isDefinite(attempt.status) ? 'never' : 'pauses' }
    case 'not-cacheable':
      return { kind: 'failed', reason: `${attempt.reason}: ${attempt.detail}`, again: againAfter(attempt) }
    case 'failed':
      return { kind: 'failed', reason: wordsOf(attempt.error), again: attempt.outcome === 'wrong' ? 'once' : 'pauses' }
  }
}

const isDefinite = (status: number): boolean => status < 500 && status !== 408 && status !== 429

function refusal(status: number): string {
  const meaning = meanings.get(status)
  return `the image store answers ${status}${meaning === undefined ? '' : `: ${meaning}`}`
}

const meanings = new Map([
  [204, 'the image has no data'],
  [401, 'the credentials with which it was asked for are missing or no longer good'],
  [403, 'whoever asked for it may not download it'],
  [404, 'there is no such image for whoever asked for it'],
])

function againAfter({ reason }: Extract<Fetched, { kind: 'not-cacheable' }>): Again {
  switch (reason) {
    case 'busy':
      return 'later'
    case 'limit':
    case 'no-space':
    case 'no-inodes':
    case 'cache-failed':
    // The record is asked for once, and what fails there may be better the next time.
    case 'no-record':
      return 'pauses'
    default:
      return 'never'
  }
}

/** An error and what caused it, in one line. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : wordsOf(error.cause)
  const words = cause === '' || error.message.includes(cause) ? error.message : `${error.message}: ${cause}`
  return words.replace(/[\s\p{Cc}]+/gu, ' ')
}
