import { head, type RightAnswer } from '../right-answer.ts'
import { type Effect, type Fault, whole } from './fault.ts'

const ways = [
  ['stall', 'silence'],
  ['reset', 'reset'],
  ['end', 'end of the connection'],
] as const

type Way = (typeof ways)[number][0]

const inBody = (way: Way): Effect => (way === 'stall' ? 'unending' : 'broken')

const headBytes = (right: RightAnswer) => head(right).length

const places: ReadonlyArray<
  readonly [place: string, at: (right: RightAnswer) => number, effect: (way: Way) => Effect, needsBody: boolean]
> = [
  ['before the head', () => 0, (way) => (way === 'stall' ? 'silent' : 'unheard'), false],
  ['within the status line', () => 11, (way) => (way === 'stall' ? 'silent' : 'unheard'), false],
  ['within the head', (right) => headBytes(right) - 7, (way) => (way === 'stall' ? 'silent' : 'unheard'), false],
  ['before the first byte of the body', headBytes, inBody, false],
  ['in the middle of the body', (right) => headBytes(right) + (right.body.length >> 1), inBody, true],
  ['before the last byte', (right) => headBytes(right) + right.body.length - 1, inBody, true],
  ['after the last byte', (right) => headBytes(right) + right.body.length, () => 'harmless', false],
]

/**
 * The connection breaks at each place of an answer that matters, in each way. Whatever is only passed on may take its
 * time to begin: for that there is no timeout to be seen here.
 */
export const breaks: readonly Fault[] = places.flatMap(([place, at, effect, needsBody]) =>
  ways
    // A connection that is silent behind a whole answer is one that can be used again.
    .filter(([way]) => way !== 'stall' || !place.startsWith('after'))
    .map(([way, word]) => ({
      name: `${word} ${place}`,
      effect: effect(way),
      script: (right: RightAnswer) => [whole(right).subarray(0, at(right)), way],
      ...(needsBody ? { needsBody: true as const } : {}),
      ...(effect(way) === 'silent' ? { but: { part: 'none' as const, other: 'none' as const } } : {}),
    })),
)
