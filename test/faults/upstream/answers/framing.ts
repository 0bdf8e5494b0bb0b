import type { Part } from '../parts.ts'
import { changed, head, type RightAnswer } from '../right-answer.ts'
import { type Effect, type Fault, whole } from './fault.ts'

const lengths = (right: RightAnswer, value: string) => head(changed(right, { 'Content-Length': value }))

const chunked = (right: RightAnswer, codings = 'chunked') =>
  head(changed(right, { 'Content-Length': null, 'Transfer-Encoding': codings }))

const chunk = (bytes: Buffer, extension = ''): Part[] => [`${bytes.length.toString(16)}${extension}\r\n`, bytes, '\r\n']

const last = '0\r\n\r\n'

function halves({ body }: RightAnswer): [Buffer, Buffer] {
  const middle = Math.ceil(body.length / 2)
  return [body.subarray(0, middle), body.subarray(middle)]
}

/** A head whose framing cannot be believed; the body is the right one. */
const unbelievable = (name: string, of: (right: RightAnswer) => string): Fault => ({
  name,
  effect: 'garbled',
  script: (right) => [of(right), right.body, 'stall'],
})

/** Transfer codings that do not tell where the body ends; it comes as it is. */
const unframed = (name: string, codings: string, effect: Effect): Fault => ({
  name,
  effect,
  script: (right) => [chunked(right, codings), right.body, 'stall'],
})

const twoLengths = (right: RightAnswer, second: string) =>
  head(right).replace(/\r\n\r\n$/, `\r\nContent-Length: ${second}\r\n\r\n`)

/** How many bytes there are: Content-Length (RFC 9112 6.2, 6.3). */
export const lengthFaults: readonly Fault[] = [
  unbelievable('a negative Content-Length', (right) => lengths(right, '-1')),
  unbelievable('Content-Length in hexadecimal', (right) => lengths(right, '0x10')),
  unbelievable('Content-Length that is no number', (right) => lengths(right, 'many')),
  unbelievable('an empty Content-Length', (right) => lengths(right, '')),
  unbelievable('a signed Content-Length', (right) => lengths(right, `+${right.body.length}`)),
  unbelievable('Content-Length 2^64', (right) => lengths(right, '18446744073709551616')),
  unbelievable('two different Content-Length', (right) => twoLengths(right, String(right.body.length + 1))),
  unbelievable('two equal Content-Length', (right) => twoLengths(right, String(right.body.length))),
  unbelievable('two Content-Length in one field', (right) => lengths(right, `${right.body.length}, 7`)),
  unbelievable('Content-Length and Transfer-Encoding', (right) =>
    head(changed(right, { 'Transfer-Encoding': 'chunked' })),
  ),
]

/** Chunks (RFC 9112 7.1). */
export const chunkFaults: readonly Fault[] = [
  {
    name: 'chunks',
    effect: 'harmless',
    script: (r) => [chunked(r), ...halves(r).flatMap((b) => (b.length ? chunk(b) : [])), last],
  },
  {
    name: 'chunks with extensions',
    effect: 'harmless',
    script: (r) => [chunked(r), ...chunk(r.body, ';a=b;c="d"'), last],
  },
  {
    name: 'chunks and a trailer section',
    effect: 'harmless',
    script: (r) => [chunked(r), ...chunk(r.body), '0\r\nContent-MD5: 00000000000000000000000000000000\r\n\r\n'],
  },
  { name: 'a chunk size that is no number', effect: 'broken', script: (r) => [chunked(r), 'zz\r\n', r.body, 'stall'] },
  { name: 'a negative chunk size', effect: 'broken', script: (r) => [chunked(r), '-5\r\n', r.body, 'stall'] },
  { name: 'an empty chunk size', effect: 'broken', script: (r) => [chunked(r), '\r\n', r.body, 'stall'] },
  {
    name: 'a chunk size of 2^64',
    effect: 'broken',
    script: (r) => [chunked(r), '10000000000000000\r\n', 'stall'],
  },
  {
    name: 'chunks that do not end where they say',
    effect: 'broken',
    needsBody: true,
    script: (r) => [chunked(r), `${(r.body.length >> 1).toString(16)}\r\n`, r.body, '\r\n', last, 'stall'],
  },
  {
    name: 'chunks that end too early, in order',
    effect: 'broken',
    but: {
      part: { client: 'as the store sent it', disk: 'nothing' },
      other: { client: 'as the store sent it', disk: 'not touched' },
    },
    needsBody: true,
    script: (r) => [chunked(r), ...chunk(halves(r)[0]), last],
  },
  {
    name: 'chunks without their end, then a reset',
    effect: 'broken',
    needsBody: true,
    script: (r) => [chunked(r), ...chunk(halves(r)[0]), 'reset'],
  },
  unframed('an unknown transfer coding', 'br', 'unending'),
  unframed('a transfer coding behind chunked', 'chunked, identity', 'unending'),
  unframed('gzip as a transfer coding', 'gzip, chunked', 'broken'),
  unframed('chunked twice', 'chunked, chunked', 'broken'),
]

/** What comes behind the end of an answer on a connection that is to be used again. */
export const tails: readonly Fault[] = [
  {
    name: 'bytes behind the end',
    effect: 'harmless',
    script: (right) => [Buffer.concat([whole(right), Buffer.from('x'.repeat(50))])],
  },
  {
    name: 'a second answer that nobody asked for',
    effect: 'harmless',
    script: (right) => [
      Buffer.concat([whole(right), Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')]),
    ],
  },
  {
    name: 'an answer that is meant for nobody, before the right one',
    effect: 'contradicting',
    but: { record: { client: 'the whole image, passed on', disk: 'nothing' } },
    script: (right) => ['HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison', whole(right)],
  },
  {
    name: 'a body until the connection ends',
    effect: 'harmless',
    script: (right) => [whole(changed(right, { 'Content-Length': null })), 'end'],
  },
]
