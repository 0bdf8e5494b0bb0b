import { changed, type RightAnswer } from '../right-answer.ts'
import { type Fault, whole } from './fault.ts'

/** One bit of the body is another one. */
function flipped(right: RightAnswer, at: number): RightAnswer {
  const body = Buffer.from(right.body)
  body[at] = (body[at] ?? 0) ^ 1
  return { ...right, body }
}

const wrong = (name: string, of: (right: RightAnswer) => RightAnswer): Fault => ({
  name,
  effect: 'false',
  needsBody: true,
  script: (right) => [whole(of(right))],
})

/** Wrong bytes, of the right number. */
export const falseBytes: readonly Fault[] = [
  wrong('one bit of the first byte is wrong', (right) => flipped(right, 0)),
  wrong('one bit in the middle is wrong', (right) => flipped(right, right.body.length >> 1)),
  wrong('one bit of the last byte is wrong', (right) => flipped(right, right.body.length - 1)),
  wrong('zeros instead of the bytes', (right) => ({ ...right, body: Buffer.alloc(right.body.length) })),
  wrong('two halves in the wrong order', (right) => {
    const middle = right.body.length >> 1
    return { ...right, body: Buffer.concat([right.body.subarray(middle), right.body.subarray(0, middle)]) }
  }),
  wrong('a wrong bit, and no Content-MD5', (right) => changed(flipped(right, 5), { 'Content-MD5': null })),
]
