import fc from 'fast-check'
import { junk } from './holds.ts'

/** Each of them costs a file or two. */
export const onDisk = { whole: 1000, sampled: 60 }
export const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), junk)
/** What survives JSON and UTF-8: no lone surrogates. */
export const wellFormed = text.map((any) => any.toWellFormed())
export const optional = fc.option(wellFormed, { nil: undefined })
export const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
export const time = fc.nat(4_000_000_000).map((seconds) => seconds * 1000)

/** A text with a piece taken out, put in or cut off: what a torn or half-written file looks like. */
export const damage = fc.tuple(
  fc.constantFrom('cut', 'insert', 'drop', 'flip'),
  fc.double({ min: 0, max: 1, noNaN: true }),
  text,
)

/** The text with that damage. */
export function damaged(whole: string, [how, share, piece]: readonly [string, number, string]): string {
  const at = Math.floor(whole.length * share)
  if (how === 'cut') return whole.slice(0, at)
  if (how === 'insert') return whole.slice(0, at) + piece + whole.slice(at)
  if (how === 'drop') return whole.slice(0, at) + whole.slice(at + 1)
  return whole.slice(0, at) + String.fromCharCode((whole.charCodeAt(at) || 0) ^ 1) + whole.slice(at + 1)
}
