import { changed, head, type RightAnswer } from '../right-answer.ts'
import type { Fault } from './fault.ts'

/** More than anybody would take, at a pace that leaves the machine some time for what is looked at. */
const endlessly = (bytes: string, apart = 1) => ({ repeat: bytes, most: 1 << 30, apart })

const many = (text: string) => text.repeat(Math.ceil(65_536 / text.length))

const begun = (right: RightAnswer) => head(right).slice(0, -2)

const chunked = (right: RightAnswer) => head(changed(right, { 'Content-Length': null, 'Transfer-Encoding': 'chunked' }))

const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'

/** Heads that never end. */
export const endlessHeads: readonly Fault[] = [
  {
    name: 'endless fields',
    effect: 'garbled',
    script: (right) => [begun(right), endlessly(many('X-Odd: value\r\n'))],
  },
  {
    name: 'an endless field',
    effect: 'garbled',
    script: (right) => [`${begun(right)}X-Odd: `, endlessly(many('x'))],
  },
  { name: 'an endless status line', effect: 'silent', script: () => ['HTTP/1.1 200 ', endlessly(many('x'))] },
  { name: 'endless empty lines before a head', effect: 'silent', script: () => [endlessly(many('\r\n'))] },
  {
    name: 'fields that trickle',
    effect: 'silent',
    script: (right) => [begun(right), endlessly('X: y\r\n', 100)],
  },
  { name: 'endless 102', effect: 'garbled', script: () => [endlessly(many('HTTP/1.1 102 Processing\r\n\r\n'))] },
  { name: 'endless 103', effect: 'garbled', script: () => [endlessly(many(hint))] },
  { name: 'a 103 every few milliseconds', effect: 'garbled', script: () => [endlessly(hint, 2)] },
]

/** Bodies that never end. */
export const endlessBodies: readonly Fault[] = [
  {
    name: 'an endless chunk extension',
    effect: 'unending',
    script: (right) => [chunked(right), '5;', endlessly(many('x'))],
  },
  {
    name: 'an endless trailer section',
    effect: 'broken',
    needsBody: true,
    script: (right) => [chunked(right), '0\r\n', endlessly(many('X-Odd: value\r\n'))],
  },
  {
    name: 'endless bytes behind the end',
    effect: 'harmless',
    script: (right) => [head(right), right.body, endlessly(many('x'))],
  },
]

const passedOn = { record: { client: 'the whole image, passed on', disk: 'nothing' } } as const

/** Bodies of more bytes than there are. */
export const overflowing: readonly Fault[] = [
  {
    name: 'endless chunks',
    effect: 'false',
    but: passedOn,
    script: (right) => [chunked(right), endlessly(`10000\r\n${'x'.repeat(65_536)}\r\n`)],
  },
  {
    name: 'an endless body until the connection ends',
    effect: 'false',
    but: passedOn,
    script: (right) => [head(changed(right, { 'Content-Length': null })), endlessly(many('x'))],
  },
]
