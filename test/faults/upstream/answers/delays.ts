import { changed, head, type RightAnswer } from '../right-answer.ts'
import { type Fault, whole } from './fault.ts'

/** Pieces of about this many, each with a pause before it (ms). */
function slowly(bytes: Buffer, pieces: number, pause: number) {
  const step = Math.max(1, Math.ceil(bytes.length / pieces))
  const starts = Array.from({ length: Math.ceil(bytes.length / step) }, (_, index) => index * step)
  return starts.flatMap((at) => [{ pause }, bytes.subarray(at, at + step)])
}

const closing = (right: RightAnswer) => changed(right, { Connection: 'close' })

/** Whoever waits gets everything. Pauses are shorter than the idle time. */
export const delays: readonly Fault[] = [
  { name: 'latency before the head', effect: 'harmless', script: (right) => [{ pause: 150 }, whole(right)] },
  {
    name: 'a head that comes in small pieces',
    effect: 'harmless',
    script: (right) => [...slowly(Buffer.from(head(right)), 25, 1), right.body],
  },
  {
    name: 'latency between head and body',
    effect: 'harmless',
    script: (right) => [head(right), { pause: 150 }, right.body],
  },
  {
    name: 'little bandwidth',
    effect: 'harmless',
    script: (right) => [head(right), ...slowly(right.body, 60, 10)],
  },
  {
    name: 'longer in all than the idle time, never silent for it',
    effect: 'harmless',
    needsBody: true,
    // What is short has no reason to trickle.
    but: { record: { client: 'the whole image, passed on', disk: 'nothing' } },
    script: (right) => [head(right), ...slowly(right.body, 10, 400)],
  },
  {
    name: 'a slow close',
    effect: 'harmless',
    script: (right) => [whole(closing(right)), { pause: 200 }, 'end'],
  },
  { name: 'Connection: close, and no close', effect: 'harmless', script: (right) => [whole(closing(right)), 'stall'] },
]
