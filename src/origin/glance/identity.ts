import { type Identity, OriginError } from '../origin.ts'
import type { Answer } from '../upstream/exchange.ts'
import { type ContentRange, parseContentRange } from './content-range.ts'
import { field } from './image-api.ts'
import { md5Of } from './record.ts'

/** What the head of a 200 to GET …/file says of the image. Glance with its own cache leaves Content-Length out. */
export function identityOf(answer: Answer, where: string): Identity {
  return { size: lengthOf(answer, where), md5: md5Of(field(answer, 'content-md5')) }
}

/** What the head of a 206 says; throws an OriginError when it contradicts itself. */
export function partOf(answer: Answer, where: string): Readonly<{ identity: Identity; range: ContentRange }> {
  const text = field(answer, 'content-range')
  const range = parseContentRange(text)
  const length = lengthOf(answer, where)
  if (range === undefined || (length ?? range.end - range.start) !== range.end - range.start) {
    answer.abort()
    throw new OriginError(
      'bad-answer',
      `${where}: a 206 with Content-Range ${JSON.stringify(text)} and length ${length}`,
    )
  }
  return { range, identity: { size: range.total, md5: md5Of(field(answer, 'content-md5')) } }
}

function lengthOf(answer: Answer, where: string): number | undefined {
  const text = field(answer, 'content-length')?.trim()
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  answer.abort()
  throw new OriginError('bad-answer', `${where}: Content-Length ${JSON.stringify(text)}`)
}
