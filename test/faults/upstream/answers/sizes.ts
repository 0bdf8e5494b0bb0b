import type { Part } from '../parts.ts'
import { changed, head, type RightAnswer } from '../right-answer.ts'
import { type Effect, type Fault, whole } from './fault.ts'

const length = (right: RightAnswer, bytes: number) => changed(right, { 'Content-Length': String(bytes) })

const chunked = (right: RightAnswer) => head(changed(right, { 'Content-Length': null, 'Transfer-Encoding': 'chunked' }))

const asChunk = (bytes: Buffer): Part[] => [`${bytes.length.toString(16)}\r\n`, bytes, '\r\n0\r\n\r\n']

const fault = (name: string, effect: Effect, script: Fault['script']): Fault => ({ name, effect, script })

const more = ({ body }: RightAnswer) => Buffer.concat([body, Buffer.alloc(1000, 7)])

/** An image's data in another number of bytes than its record says. */
export const sizeFaults: readonly Fault[] = [
  fault('Content-Length one too small', 'contradicting', (right) => [
    head(length(right, right.body.length - 1)),
    right.body,
  ]),
  fault('Content-Length one too large', 'contradicting', (right) => [
    head(length(right, right.body.length + 1)),
    right.body,
    'stall',
  ]),
  fault('Content-Length 0', 'contradicting', (right) => [head(length(right, 0))]),
  fault('Content-Length 2^53+1', 'garbled', (right) => [
    head(changed(right, { 'Content-Length': '9007199254740993' })),
    right.body,
    'stall',
  ]),
  fault('fewer bytes, and a Content-Length that fits', 'contradicting', (right) => [
    head(length(right, 1000)),
    right.body.subarray(0, 1000),
  ]),
  fault('more bytes, and a Content-Length that fits', 'contradicting', (right) => [
    head(length(right, right.body.length + 1000)),
    more(right),
  ]),
  fault('more bytes than there are, in chunks', 'false', (right) => [chunked(right), ...asChunk(more(right))]),
  fault('more bytes than there are, until the connection ends', 'false', (right) => [
    head(changed(right, { 'Content-Length': null })),
    more(right),
    'end',
  ]),
  fault('fewer bytes than there are, in chunks', 'broken', (right) => [
    chunked(right),
    ...asChunk(right.body.subarray(0, 1000)),
  ]),
  fault('fewer bytes than there are, until the connection ends', 'broken', (right) => [
    head(changed(right, { 'Content-Length': null })),
    right.body.subarray(0, 1000),
    'end',
  ]),
  fault('a wrong bit, in chunks', 'false', (right) => {
    const body = Buffer.from(right.body)
    body[7] = (body[7] ?? 0) ^ 64
    return [chunked(right), ...asChunk(body)]
  }),
]

const part = (right: RightAnswer, start: number, end: number): RightAnswer => ({
  ...changed(right, {
    'Content-Length': String(end - start),
    'Content-Range': `bytes ${start}-${end - 1}/${right.body.length}`,
  }),
  status: 206,
  body: right.body.subarray(start, end),
})

/** Other successes than the one that was asked for. */
export const otherSuccesses: readonly Fault[] = [
  fault('206 of a part, although all was asked for', 'garbled', (right) => [whole(part(right, 0, 1000))]),
  fault('206 of everything, although no range was asked for', 'garbled', (right) => [
    whole(part(right, 0, right.body.length)),
  ]),
  fault('206 without Content-Range, although no range was asked for', 'garbled', (right) => [
    whole({ ...right, status: 206 }),
  ]),
  { ...fault('204', 'refused', () => ['HTTP/1.1 204 No Content\r\n\r\n']), status: 204 },
  { ...fault('304, although nothing was known', 'refused', () => ['HTTP/1.1 304 Not Modified\r\n\r\n']), status: 304 },
]
