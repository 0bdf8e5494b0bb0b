import { anew } from '../outcomes.ts'
import { changed, head, type RightAnswer } from '../right-answer.ts'
import { type Effect, type Fault, whole } from './fault.ts'

const asSent = { client: 'as the store sent it', disk: 'nothing' } as const
const hit = { client: 'the whole image, from the cache', disk: 'committed' } as const

/** The right answer to a range, with another Content-Range. */
const said = (name: string, effect: Effect, of: (range: Asked) => string | null, but: Fault['but'] = {}): Fault => ({
  name,
  effect,
  but: { part: asSent, ...but },
  script: (right) => [whole(changed(right, { 'Content-Range': of(asked(right)) }))],
})

type Asked = Readonly<{ start: number; end: number; total: number }>

const asked = ({ start, body, image }: RightAnswer): Asked => ({
  start,
  end: start + body.length - 1,
  total: image.bytes.length,
})

/** An answer to a range with other bytes of the image. */
const other = (right: RightAnswer, start: number, end: number): Buffer =>
  whole({
    ...changed(right, {
      'Content-Range': `bytes ${start}-${end - 1}/${right.image.bytes.length}`,
      'Content-Length': String(end - start),
    }),
    body: right.image.bytes.subarray(start, end),
  })

/** Answers to a range (RFC 9110 14.4, 15.3.7). */
export const rangeFaults: readonly Fault[] = [
  said('206 without Content-Range', 'garbled', () => null),
  said('Content-Range that is none', 'garbled', () => 'yes'),
  said('Content-Range in another unit', 'garbled', ({ start, end, total }) => `octets ${start}-${end}/${total}`),
  said('Content-Range that begins behind its end', 'garbled', ({ end, total }) => `bytes ${end + 1}-${end}/${total}`),
  said('Content-Range that ends behind the total', 'garbled', ({ start, end }) => `bytes ${start}-${end}/${end}`),
  said('Content-Range with a negative start', 'garbled', ({ end, total }) => `bytes -5-${end}/${total}`),
  said('Content-Range of 2^64', 'garbled', ({ start }) => `bytes ${start}-18446744073709551615/18446744073709551616`),
  said(
    'Content-Range with another length than Content-Length',
    'garbled',
    ({ start, end, total }) => `bytes ${start}-${end + 1}/${total + 5}`,
  ),
  said(
    'Content-Range with another start',
    'garbled',
    ({ start, end, total }) => `bytes ${start + 1}-${end + 1}/${total + 1}`,
    {
      question: anew,
    },
  ),
  said(
    'Content-Range with another total',
    'contradicting',
    ({ start, end, total }) => `bytes ${start}-${end}/${total + 1}`,
  ),
  said('Content-Range without a total', 'harmless', ({ start, end }) => `bytes ${start}-${end}/*`, {
    part: asSent,
  }),
  {
    name: '206 of later bytes than were asked for',
    effect: 'garbled',
    but: { part: asSent, question: hit },
    script: (right) => [
      other(right, right.start + 100, Math.min(right.image.bytes.length, right.start + 100 + right.body.length)),
    ],
  },
  {
    name: '206 of earlier bytes than were asked for',
    effect: 'garbled',
    but: { part: asSent, question: 'none' },
    script: (right) => [other(right, right.start - 100, right.start - 100 + right.body.length)],
  },
  {
    name: '206 of fewer bytes than were asked for',
    effect: 'broken',
    needsBody: true,
    but: { part: asSent },
    script: (right) => [other(right, right.start, right.start + (right.body.length >> 1))],
  },
  {
    name: '200 with everything to a request for a range',
    effect: 'harmless',
    but: { part: asSent },
    script: (right) => {
      const { bytes } = right.image
      const fields = changed(right, { 'Content-Range': null, 'Content-Length': String(bytes.length) })
      return [whole({ ...fields, status: 200, body: bytes })]
    },
  },
  {
    name: 'multipart/byteranges to a request for one range',
    effect: 'garbled',
    but: { part: asSent },
    script: (right) => {
      const { start, end, total } = asked(right)
      const inner = `\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${start}-${end}/${total}\r\n\r\n`
      const body = Buffer.concat([Buffer.from(inner), right.body, Buffer.from('\r\n--b--\r\n')])
      const changes = {
        'Content-Type': 'multipart/byteranges; boundary=b',
        'Content-Range': null,
        'Content-Length': String(body.length),
      }
      return [head(changed(right, changes)), body]
    },
  },
  {
    name: '416',
    effect: 'refused',
    status: 416,
    script: () => ['HTTP/1.1 416 No\r\nContent-Range: bytes */1\r\nContent-Length: 18\r\n\r\nthe store says 416'],
  },
]
