/** What a request's Range field comes to for content of a known size; `end` is exclusive. */
export type ByteRange =
  | Readonly<{ kind: 'whole' }>
  | Readonly<{ kind: 'part'; start: number; end: number }>
  | Readonly<{ kind: 'unsatisfiable'; reason: string }>
  | Readonly<{ kind: 'several' }>

/**
 * RFC 9110 section 14.1.2, and Glance where that leaves a choice: what cannot be understood is not satisfiable, and
 * several ranges are refused. A unit that is not bytes must be ignored; a suffix of no bytes is not satisfiable
 * (Glance gives the whole image for it).
 */
export function byteRange(field: string | undefined, size: number): ByteRange {
  if (field === undefined) return { kind: 'whole' }
  const [, unit, set] = /^\s*([\w!#$%&'*+.^`|~-]+)\s*=(.*)$/s.exec(field) ?? []
  if (unit !== undefined && unit.toLowerCase() !== 'bytes') return { kind: 'whole' }
  if (field.includes(',')) return { kind: 'several' }
  const [, first = '', last = ''] = /^\s*(\d*)\s*-\s*(\d*)\s*$/.exec(set ?? '') ?? []
  if (first === '' && last === '') return invalid
  if (first === '') return Number(last) === 0 ? invalid : partOf(Math.max(0, size - Number(last)), size, size)
  if (last !== '' && Number(last) < Number(first)) return invalid
  return partOf(Number(first), last === '' ? size : Number(last) + 1, size)
}

const invalid: ByteRange = { kind: 'unsatisfiable', reason: 'Invalid Range header.' }

/** Bytes `[start, end)` as far as they are there. */
export function partOf(start: number, end: number, size: number): ByteRange {
  if (start < Math.min(end, size)) return { kind: 'part', start, end: Math.min(end, size) }
  const reason = `Invalid start position in Range header. Start position MUST be in the inclusive range [0, ${size - 1}].`
  return { kind: 'unsatisfiable', reason }
}
