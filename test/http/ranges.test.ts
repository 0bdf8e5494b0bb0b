import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  formatContentRange,
  formatUnsatisfied,
  isSeveralRanges,
  parseRange,
  type RangeRequest,
} from '../../src/http/ranges.ts'
import { seededRandom } from '../support/seeded-random.ts'

const none: RangeRequest = { kind: 'none' }
const unsatisfiable: RangeRequest = { kind: 'unsatisfiable' }
const several: RangeRequest = { kind: 'several' }
const range = (start: number, end: number): RangeRequest => ({ kind: 'range', start, end })

const cases: ReadonlyArray<readonly [title: string, field: string | undefined, size: number, wanted: RangeRequest]> = [
  ['absent', undefined, 100, none],
  ['empty', '', 100, none],

  ['first byte', 'bytes=0-0', 100, range(0, 1)],
  ['inner range', 'bytes=10-19', 100, range(10, 20)],
  ['last byte', 'bytes=99-99', 100, range(99, 100)],
  ['open range from the start', 'bytes=0-', 100, range(0, 100)],
  ['open range', 'bytes=40-', 100, range(40, 100)],
  ['end beyond the size', 'bytes=90-1000', 100, range(90, 100)],
  ['suffix', 'bytes=-10', 100, range(90, 100)],
  ['suffix of the whole', 'bytes=-100', 100, range(0, 100)],
  ['suffix longer than the image', 'bytes=-1000', 100, range(0, 100)],
  ['leading zeros', 'bytes=0000000000000000000000001-002', 100, range(1, 3)],
  ['unit in other letters', 'BYTES=1-2', 100, range(1, 3)],
  ['an image larger than 2^32', 'bytes=4294967296-4294967297', 2 ** 40, range(2 ** 32, 2 ** 32 + 2)],

  ['first position at the size', 'bytes=100-', 100, unsatisfiable],
  ['first position beyond the size', 'bytes=100-200', 100, unsatisfiable],
  ['suffix of nothing', 'bytes=-0', 100, unsatisfiable],
  ['first position beyond 2^53', 'bytes=99999999999999999999-', 100, unsatisfiable],
  ['last position beyond 2^53', 'bytes=1-99999999999999999999', 100, range(1, 100)],
  ['a position of a thousand digits', `bytes=${'9'.repeat(1000)}-`, 100, unsatisfiable],
  ['a last position of a thousand digits', `bytes=5-${'9'.repeat(1000)}`, 100, range(5, 100)],
  ['a suffix of a thousand digits', `bytes=-${'9'.repeat(1000)}`, 100, range(0, 100)],

  ['empty image, open range', 'bytes=0-', 0, unsatisfiable],
  ['empty image, suffix: Content-Range cannot say it', 'bytes=-5', 0, none],

  ['another unit', 'items=0-1', 100, none],
  ['no unit', '0-1', 100, none],
  ['no equals sign', 'bytes 0-1', 100, none],
  ['only the unit', 'bytes=', 100, none],
  ['only commas', 'bytes=,,,', 100, none],
  ['only a dash', 'bytes=-', 100, none],
  ['no dash', 'bytes=5', 100, none],
  ['last before first', 'bytes=5-4', 100, none],
  ['three positions', 'bytes=1-2-3', 100, none],
  ['negative suffix', 'bytes=--5', 100, none],
  ['sign', 'bytes=+1-2', 100, none],
  ['hexadecimal', 'bytes=0x1-0x2', 100, none],
  ['exponent', 'bytes=1e1-2e1', 100, none],
  ['fraction', 'bytes=1.0-2', 100, none],
  ['digits of another script', 'bytes=١-٢', 100, none],
  ['blank before the equals sign', 'bytes =0-1', 100, none],
  ['blank inside a range', 'bytes=0 - 1', 100, none],
  ['two Range lines, as Node joins them', 'bytes=0-1, bytes=2-3', 100, none],
  ['one valid, one broken range', 'bytes=0-1,x', 100, none],
  ['one valid, one range with last before first', 'bytes=0-1,9-8', 100, none],
  ['a newline', 'bytes=0-1\n', 100, none],
  ['a no-break space', 'bytes=\u00a00-1', 100, none],

  ['blanks around a range', 'bytes= \t0-1 \t', 100, range(0, 2)],
  ['empty elements of the list', 'bytes=,, 0-1 ,', 100, range(0, 2)],

  ['two ranges', 'bytes=0-1,5-6', 100, several],
  ['two ranges with blanks', 'bytes=0-1 , -6', 100, several],
  ['the same range twice', 'bytes=0-1,0-1', 100, several],
  ['overlapping ranges', 'bytes=0-50,25-75', 100, several],
  ['two ranges, one satisfiable', 'bytes=0-1,500-600', 100, several],
  ['two ranges, none satisfiable', 'bytes=500-,600-', 100, several],
  ['a thousand ranges', `bytes=${Array.from({ length: 1000 }, (_, i) => `${i}-${i}`).join(',')}`, 100, several],
]

describe('a Range field against a size', () => {
  for (const [title, field, size, wanted] of cases) {
    test(title, () => {
      assert.deepEqual(parseRange(field, size), wanted)
      assert.equal(isSeveralRanges(field), wanted.kind === 'several')
    })
  }
})

test('Content-Range names the last byte, not the one after it', () => {
  assert.equal(formatContentRange(0, 1, 100), 'bytes 0-0/100')
  assert.equal(formatContentRange(90, 100, 100), 'bytes 90-99/100')
  assert.equal(formatUnsatisfied(100), 'bytes */100')
})

test('a valid range selects just the bytes that its definition names', () => {
  const random = seededRandom(9110)
  for (let round = 0; round < 3000; round++) {
    const size = random.between(0, 12)
    const first = random.between(0, 14)
    const last = random.between(first, 16)
    const suffix = random.between(0, 14)
    const [spec, isNamed] = random.pick<readonly [string, (position: number) => boolean]>([
      [`${first}-${last}`, (position) => position >= first && position <= last],
      [`${first}-`, (position) => position >= first],
      [`-${suffix}`, (position) => position >= size - suffix],
    ])
    const zeros = '0'.repeat(random.between(0, 2))
    const field = `bytes=${random.pick(['', ' ', ',', '\t, '])}${spec.replace(/\d+/g, `${zeros}$&`)}${random.pick(['', ' ', ','])}`
    const named = Array.from({ length: size }, (_, position) => position).filter(isNamed)
    const result = parseRange(field, size)
    const because = `${JSON.stringify(field)} of ${size}`
    if (result.kind === 'range') {
      assert.deepEqual(
        named,
        Array.from({ length: result.end - result.start }, (_, index) => result.start + index),
        because,
      )
      assert(result.start < result.end, because)
    } else {
      assert.deepEqual(named, [], because)
      assert.equal(result.kind, size === 0 && spec.startsWith('-') && suffix > 0 ? 'none' : 'unsatisfiable', because)
    }
  }
})

test('junk never throws, and never selects bytes that are not there', () => {
  const random = seededRandom(14)
  const pieces = ['-', '-', '-', '0', '7', '42', '99999999999999999999', ',', ' ', '\t', '=', 'bytes', 'x', 'é']
  let valid = 0
  for (let round = 0; round < 20_000; round++) {
    const start = random.pick(['bytes=', 'bytes=', 'bytes=', ''])
    const field = start + Array.from({ length: random.between(0, 6) }, () => random.pick(pieces)).join('')
    const size = random.between(0, 60)
    const result = parseRange(field, size)
    if (result.kind !== 'range') continue
    valid++
    const { start: from, end } = result
    assert(from >= 0 && from < end && end <= size, `${JSON.stringify(field)} of ${size}: [${from}, ${end})`)
  }
  assert(valid > 300, `only ${valid} of the cases were ranges`)
})

test('the work is bounded by the length of the field', () => {
  const hostile = [
    `bytes=${','.repeat(100_000)}`,
    `bytes=${' '.repeat(100_000)}x`,
    `bytes=${'\t ,'.repeat(30_000)}0-1x`,
    `bytes=${'0-,'.repeat(30_000)}`,
    `bytes=${'9'.repeat(100_000)}-${'9'.repeat(100_000)}x`,
  ]
  const before = performance.now()
  for (const field of hostile) parseRange(field, 100)
  // They take a few milliseconds; anything quadratic in 100 000 would take minutes.
  assert(performance.now() - before < 2000)
})
