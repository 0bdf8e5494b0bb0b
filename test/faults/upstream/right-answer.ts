import { StoreImage } from './store-image.ts'

export type Fields = ReadonlyArray<readonly [name: string, value: string]>

/** What is asked. `rest`: an image from some byte on, as a fill that goes on asks. */
export type Kind = 'data' | 'rest' | 'question' | 'part' | 'record' | 'other'

/** The answer that a store gives which is not hostile; faults are made of it. */
export type RightAnswer = Readonly<{
  kind: Kind
  status: number
  fields: Fields
  body: Buffer
  image: StoreImage
  /** Where in the image the body begins. */
  start: number
}>

const reasons: Record<number, string> = { 200: 'OK', 206: 'Partial Content', 404: 'Not Found', 416: 'Not Satisfiable' }

export const headText = (status: number, fields: Fields): string =>
  `HTTP/1.1 ${status} ${reasons[status] ?? 'Whatever'}\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`

export const head = ({ status, fields }: RightAnswer): string => headText(status, fields)

/** The right fields but these: another value, or null for none at all. */
export function changed(right: RightAnswer, changes: Readonly<Record<string, string | null>>): RightAnswer {
  const names = new Set(Object.keys(changes).map((name) => name.toLowerCase()))
  const kept = right.fields.filter(([name]) => !names.has(name.toLowerCase()))
  const added = Object.entries(changes).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]))
  return { ...right, fields: [...kept, ...added] }
}

export function kindOf(method: string, path: string, range: string | undefined): Kind {
  if (method !== 'GET' || !path.startsWith('/v2/images/')) return 'other'
  if (!path.endsWith('/file')) return 'record'
  if (range === undefined) return 'data'
  if (range === 'bytes=0-0') return 'question'
  return range.endsWith('-') ? 'rest' : 'part'
}

export function rightAnswer(image: StoreImage | undefined, kind: Kind, range: string | undefined): RightAnswer {
  if (image === undefined) return short(404, kind, '404 Not Found\n\nNo image found\n\n')
  if (kind === 'record') return short(200, kind, JSON.stringify(image.record), image)
  if (kind === 'other') return short(200, kind, JSON.stringify({ images: [image.record] }), image)
  if (image.status !== 'active') return short(image.status === 'deleted' ? 404 : 403, kind, 'not now', image)
  const size = image.bytes.length
  const asked = /^bytes=(\d+)-(\d*)$/.exec(range ?? '')
  const start = Number(asked?.[1] ?? 0)
  const end = asked?.[2] ? Math.min(size, Number(asked[2]) + 1) : size
  if (start >= end) return short(416, kind, 'no such range', image)
  const fields: Fields = [
    ['Content-Type', 'application/octet-stream'],
    ...(asked === null ? [] : [['Content-Range', `bytes ${start}-${end - 1}/${size}`] as const]),
    ...(image.md5 === undefined ? [] : [['Content-MD5', image.md5] as const]),
    ['Content-Length', String(end - start)],
  ]
  const status = asked === null ? 200 : 206
  return { kind, status, fields, body: image.bytes.subarray(start, end), image, start }
}

function short(status: number, kind: Kind, text: string, image?: StoreImage): RightAnswer {
  const body = Buffer.from(text)
  const type = text.startsWith('{') ? 'application/json' : 'text/plain'
  const fields: Fields = [
    ['Content-Type', type],
    ['Content-Length', String(body.length)],
  ]
  return { kind, status, fields, body, image: image ?? nobody, start: 0 }
}

const nobody = new StoreImage('', Buffer.alloc(0), 'none')
