/** The part of an image that a 206 holds. `end` is exclusive, `total` undefined when the server does not know it. */
export type ContentRange = Readonly<{ start: number; end: number; total: number | undefined }>

/** Content-Range of a 206 (RFC 9110 14.4); undefined when it is none, or contradicts itself. */
export function parseContentRange(value: string | undefined): ContentRange | undefined {
  const [, first, last, whole] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(value?.trim() ?? '') ?? []
  if (first === undefined || last === undefined || whole === undefined) return undefined
  const range = { start: Number(first), end: Number(last) + 1, total: whole === '*' ? undefined : Number(whole) }
  return range.start < range.end && range.end <= (range.total ?? range.end) ? range : undefined
}
