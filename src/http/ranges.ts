/**
 * What a Range field asks of an image (RFC 9110 14.1.1, 14.1.2, 14.2). `end` is exclusive.
 * - `none`: the whole image; also for another unit and for a field that breaks the grammar, which are to be ignored.
 * - `unsatisfiable`: 416, with `formatUnsatisfied`.
 * - `several`: valid, more than one range. Not ours to answer.
 */
export type RangeRequest =
  | Readonly<{ kind: 'none' | 'unsatisfiable' | 'several' }>
  | Readonly<{ kind: 'range'; start: number; end: number }>

/** One range-spec as it stands: `first` absent in a suffix-range, `last` absent in an open one. */
type RangeSpec = Readonly<{ first: number | undefined; last: number | undefined }>

/** `range` is the field's value as Node gives it: several lines arrive joined by commas, and break the grammar so. */
export function parseRange(range: string | undefined, size: number): RangeRequest {
  const [spec, ...others] = parseSpecs(range)
  if (spec === undefined) return { kind: 'none' }
  if (others.length > 0) return { kind: 'several' }
  return resolve(spec, size)
}

/** Whether `parseRange` says `several`, which does not depend on the image's size. */
export const isSeveralRanges = (range: string | undefined): boolean => parseSpecs(range).length > 1

/** The value of Content-Range for a 206 with bytes [start, end), which are not none. */
export const formatContentRange = (start: number, end: number, size: number): string =>
  `bytes ${start}-${end - 1}/${size}`

/** The value of Content-Range for a 416. */
export const formatUnsatisfied = (size: number): string => `bytes */${size}`

const unit = 'bytes='

/** The valid range-specs of a field, empty when there is none or the field is to be ignored. One pass, whatever it holds. */
function parseSpecs(range: string | undefined): RangeSpec[] {
  // Names of range units are case-insensitive (14.1).
  if (range?.slice(0, unit.length).toLowerCase() !== unit) return []
  const specs: RangeSpec[] = []
  for (const element of range.slice(unit.length).split(',')) {
    const text = trimWhitespace(element)
    // A list may have empty elements, and a recipient skips them (5.6.1.2).
    if (text === '') continue
    const spec = parseSpec(text)
    if (spec === undefined) return []
    specs.push(spec)
  }
  return specs
}

function parseSpec(text: string): RangeSpec | undefined {
  const parts = /^(\d*)-(\d*)$/.exec(text)
  if (parts === null) return undefined
  const first = digits(parts[1])
  const last = digits(parts[2])
  if (first === undefined && last === undefined) return undefined
  // Invalid, so ignored, where Glance answers 416.
  if (first !== undefined && last !== undefined && last < first) return undefined
  return { first, last }
}

/** Beyond 2^53 no longer exact, and from about 310 digits Infinity: both are past the end of any image all the same. */
const digits = (text: string | undefined): number | undefined =>
  text === undefined || text === '' ? undefined : Number(text)

function resolve({ first, last }: RangeSpec, size: number): RangeRequest {
  if (first === undefined) {
    const suffix = last ?? 0
    if (suffix === 0) return { kind: 'unsatisfiable' }
    // The last bytes of nothing: satisfiable by the letter, but Content-Range has no form for it.
    if (size === 0) return { kind: 'none' }
    return { kind: 'range', start: Math.max(0, size - suffix), end: size }
  }
  if (first >= size) return { kind: 'unsatisfiable' }
  return { kind: 'range', start: first, end: last === undefined ? size : Math.min(last + 1, size) }
}

/** Optional whitespace of a list is spaces and tabs (5.6.3); trim() would take more. */
const trimWhitespace = (text: string): string => {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text, start)) start++
  while (end > start && isBlank(text, end - 1)) end--
  return text.slice(start, end)
}

const isBlank = (text: string, index: number): boolean => text[index] === ' ' || text[index] === '\t'
