import type { Effect, Fault } from './answers/fault.ts'

/** What is going on when the store's answer breaks. */
export type Step = 'first' | 'large' | 'crowd' | 'rest' | 'record' | 'question' | 'part' | 'prefetch' | 'other'

/** What a case comes to, in the words of the matrix. */
export type Outcome = Readonly<{ client: string; disk: string }>

export const stepNames: Readonly<Record<Step, string>> = {
  first: 'first download',
  large: 'first download, an image of several MiB',
  crowd: 'first download, three clients at once',
  rest: 'a broken download goes on',
  record: 'first download: the record of the image',
  question: 'hit: may this caller read?',
  part: 'a range of an image that is not cached',
  prefetch: 'prefetch',
  other: 'another API call',
}

const outcome = (client: string, disk: string): Outcome => ({ client, disk })

const stored = outcome('the whole image', 'committed')
const hit = outcome('the whole image, from the cache', 'committed')
/**
 * The store says that it holds another image: ours is set aside and fetched anew, unless its fill is only just being put
 * away; then the store is asked once more, and says that ours is the same.
 */
export const anew = outcome('the whole image, anew or from the cache', 'committed')
const passed = outcome('the whole image, passed on', 'nothing')
const nothing = (client: string) => outcome(client, 'nothing')
const kept = (client: string) => outcome(client, 'committed')
const left = outcome('cut off', 'left over, gone on with')
const wrong = outcome('cut off', 'set aside in invalid/')
const own = 'the store’s own answer'
const untouched = (client: string) => outcome(client, 'not touched')

const first: Record<Effect, Outcome> = {
  harmless: stored,
  unheard: stored,
  silent: nothing('504'),
  garbled: nothing('502'),
  broken: stored,
  unending: stored,
  refused: nothing(own),
  contradicting: nothing('502'),
  false: wrong,
}

const oneOfThree = (client: string) => outcome(`one ${client}, two the whole image`, 'committed')

const table: Record<Step, Record<Effect, Outcome>> = {
  first,
  large: first,
  crowd: {
    ...first,
    silent: oneOfThree('504'),
    garbled: oneOfThree('502'),
    refused: oneOfThree(own),
    contradicting: oneOfThree('502'),
    false: outcome('cut off, or the whole image by another download', 'committed in the end'),
  },
  rest: {
    harmless: stored,
    unheard: stored,
    silent: stored,
    garbled: stored,
    broken: stored,
    unending: stored,
    refused: left,
    contradicting: wrong,
    false: wrong,
  },
  record: {
    harmless: stored,
    unheard: stored,
    silent: passed,
    garbled: passed,
    broken: passed,
    unending: passed,
    refused: passed,
    contradicting: nothing('502'),
    false: wrong,
  },
  question: {
    harmless: hit,
    unheard: hit,
    silent: kept('504'),
    garbled: kept('502'),
    broken: kept('502'),
    unending: kept('504'),
    refused: hit,
    contradicting: anew,
    false: hit,
  },
  part: {
    harmless: nothing('the range'),
    unheard: nothing('the range'),
    silent: nothing('504'),
    garbled: nothing('502'),
    broken: nothing('cut off'),
    unending: nothing('cut off'),
    refused: nothing(own),
    contradicting: nothing('as the store sent it'),
    false: nothing('as the store sent it'),
  },
  prefetch: {
    harmless: kept('cached, at once or by another attempt'),
    unheard: kept('cached, at once or by another attempt'),
    silent: kept('cached, at once or by another attempt'),
    garbled: kept('cached, at once or by another attempt'),
    broken: kept('cached, at once or by another attempt'),
    unending: kept('cached, at once or by another attempt'),
    refused: kept('cached, at once or by another attempt'),
    contradicting: kept('cached, at once or by another attempt'),
    false: kept('cached, at once or by another attempt'),
  },
  other: {
    harmless: untouched('the right answer'),
    unheard: untouched('the right answer'),
    silent: untouched('504'),
    garbled: untouched('502'),
    broken: untouched('cut off'),
    unending: untouched('cut off'),
    refused: untouched(own),
    contradicting: untouched('as the store sent it'),
    false: untouched('as the store sent it'),
  },
}

/** What is promised of a fault at a step; undefined: it makes no sense there. */
export function outcomeOf(step: Step, fault: Fault): Outcome | undefined {
  const special = fault.but?.[step]
  if (special !== undefined) return special === 'none' ? undefined : special
  if (step === 'question' && fault.needsBody) return undefined
  if (fault.effect === 'refused') return refused(step, fault.status ?? 0)
  return table[step][fault.effect]
}

function refused(step: Step, status: number): Outcome {
  // The caller's own affair, and final.
  const isFinal = status < 500 && status !== 408 && status !== 429
  if (step === 'question' && [401, 403, 404].includes(status)) return kept(own)
  // What a store without ranges says; it is asked for the whole then.
  if (step === 'rest' && (!isFinal || status === 400)) return stored
  if (step === 'prefetch' && isFinal) return outcome('given up', 'nothing')
  return table[step].refused
}
