import { type ImageRecord, OriginError } from '../origin.ts'

/** An image's record and the stores of Glance that hold its data (multi-store Glance only). */
export type GlanceRecord = Readonly<{ record: ImageRecord; stores: string | undefined }>

const md5Form = /^[0-9a-f]{32}$/
const hexForm = /^(?:[0-9a-f]{2})+$/

/** Reads the JSON of GET /v2/images/<id>. Throws an OriginError (bad-answer) that names the property. */
export function parseRecord(json: string, where: string): GlanceRecord {
  const bad = (what: string, options?: ErrorOptions) =>
    new OriginError('bad-answer', `${where}: image record: ${what}`, options)
  const properties = propertiesOf(json, bad)
  const text = (name: string): string | undefined => {
    const value = properties.get(name)
    if (value === undefined || value === null) return undefined
    if (typeof value !== 'string') throw bad(`${name} is not a text`)
    return value
  }
  const needed = (name: string): string => {
    const value = text(name)
    if (value === undefined) throw bad(`${name} is missing`)
    return value
  }
  const size = properties.get('size') ?? undefined
  if (size !== undefined && !(typeof size === 'number' && Number.isSafeInteger(size) && size >= 0)) {
    throw bad('size is not a number of bytes')
  }
  const hashValue = digest(text('os_hash_value'), hexForm)
  return {
    record: {
      id: needed('id'),
      status: needed('status'),
      size,
      md5: digest(text('checksum'), md5Form),
      hashAlgo: hashValue === undefined ? undefined : text('os_hash_algo')?.toLowerCase(),
      hashValue,
      updatedAt: text('updated_at'),
    },
    stores: text('stores'),
  }
}

/** Content-MD5 as Glance gives it: hex, not the base64 of RFC 1864. Anything else counts as not declared. */
export function md5Of(value: string | undefined): string | undefined {
  return digest(value, md5Form)
}

function digest(value: string | undefined, form: RegExp): string | undefined {
  const lower = value?.trim().toLowerCase()
  return lower !== undefined && form.test(lower) ? lower : undefined
}

function propertiesOf(json: string, bad: (what: string, options?: ErrorOptions) => OriginError): Map<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw bad('it is not JSON', { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('it is not a JSON object')
  return new Map(Object.entries(value))
}
