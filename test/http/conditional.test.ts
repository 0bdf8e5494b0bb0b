import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { describe, test } from 'node:test'
import { type Condition, evaluateConditions, evaluateIfRange } from '../../src/http/conditional.ts'
import { seededRandom } from '../support/seeded-random.ts'

const etag = '"5f4dcc3b"'
const date = 'Sun, 06 Nov 1994 08:49:37 GMT'

describe('If-None-Match: weak comparison', () => {
  for (const [field, wanted] of [
    [etag, 'not-modified'],
    [`W/${etag}`, 'not-modified'],
    ['*', 'not-modified'],
    [' * ', 'not-modified'],
    [`"other", ${etag}`, 'not-modified'],
    [`"a,b" ,\t, W/${etag},`, 'not-modified'],
    ['"other"', 'proceed'],
    ['"5F4DCC3B"', 'proceed'],
    ['""', 'proceed'],
    ['', 'proceed'],
    // A list that breaks the grammar matches nothing: the whole image is always a right answer.
    ['5f4dcc3b', 'proceed'],
    [`w/${etag}`, 'proceed'],
    [`${etag} "other"`, 'proceed'],
    [`${etag}, broken`, 'proceed'],
    [`"unclosed, ${etag}`, 'proceed'],
    [`*, ${etag}`, 'proceed'],
  ] as const satisfies ReadonlyArray<readonly [string, Condition]>) {
    test(`${JSON.stringify(field)}: ${wanted}`, () => {
      assert.equal(evaluateConditions({ 'if-none-match': field }, etag), wanted)
    })
  }
})

describe('If-Match: strong comparison', () => {
  for (const [field, wanted] of [
    [etag, 'proceed'],
    ['*', 'proceed'],
    [`"other",${etag}`, 'proceed'],
    [`W/${etag}`, 'precondition-failed'],
    ['"other"', 'precondition-failed'],
    ['', 'precondition-failed'],
    ['5f4dcc3b', 'precondition-failed'],
    [`${etag}, broken`, 'precondition-failed'],
  ] as const satisfies ReadonlyArray<readonly [string, Condition]>) {
    test(`${JSON.stringify(field)}: ${wanted}`, () => {
      assert.equal(evaluateConditions({ 'if-match': field }, etag), wanted)
    })
  }
})

describe('in the order of RFC 9110 13.2.2', () => {
  for (const [title, headers, wanted] of [
    ['no conditions', {}, 'proceed'],
    [
      'If-Match fails before If-None-Match is looked at',
      { 'if-match': '"x"', 'if-none-match': etag },
      'precondition-failed',
    ],
    ['If-Match holds, then If-None-Match', { 'if-match': etag, 'if-none-match': etag }, 'not-modified'],
    ['both let pass', { 'if-match': etag, 'if-none-match': '"x"' }, 'proceed'],
    [
      'dates are ignored: there is no Last-Modified',
      { 'if-modified-since': date, 'if-unmodified-since': date },
      'proceed',
    ],
    ['If-None-Match beside a date', { 'if-modified-since': date, 'if-none-match': etag }, 'not-modified'],
    ['If-Range and Range come later', { range: 'bytes=0-1', 'if-range': '"x"' }, 'proceed'],
  ] as const satisfies ReadonlyArray<readonly [string, IncomingHttpHeaders, Condition]>) {
    test(title, () => assert.equal(evaluateConditions(headers, etag), wanted))
  }

  test('an image without a known digest exists, and matches no tag', () => {
    assert.equal(evaluateConditions({ 'if-none-match': '*' }, undefined), 'not-modified')
    assert.equal(evaluateConditions({ 'if-none-match': '"x"' }, undefined), 'proceed')
    assert.equal(evaluateConditions({ 'if-match': '*' }, undefined), 'proceed')
    assert.equal(evaluateConditions({ 'if-match': '"x"' }, undefined), 'precondition-failed')
    assert.equal(evaluateIfRange({ 'if-range': '"x"' }, undefined), false)
    assert.equal(evaluateIfRange({}, undefined), true)
  })
})

describe('If-Range: the range only of the very same image', () => {
  for (const [field, wanted] of [
    [undefined, true],
    [etag, true],
    [` ${etag} `, true],
    ['"other"', false],
    [`W/${etag}`, false],
    ['*', false],
    [date, false],
    ['', false],
    [`${etag}, ${etag}`, false],
    [`"other", ${etag}`, false],
    ['5f4dcc3b', false],
  ] as const) {
    test(`${JSON.stringify(field)}: ${wanted}`, () => {
      assert.equal(evaluateIfRange(field === undefined ? {} : { 'if-range': field }, etag), wanted)
    })
  }
})

test('a list is read as it was written, whatever its tags hold', () => {
  const random = seededRandom(8883)
  const characters = ['!', '#', ',', '*', 'W/', '/', '~', 'a', '0', '\u0080', 'ÿ', '[', '=']
  const opaque = () => `"${Array.from({ length: random.between(0, 4) }, () => random.pick(characters)).join('')}"`
  for (let round = 0; round < 3000; round++) {
    const tags = Array.from({ length: random.between(1, 5) }, () => ({
      isWeak: random.between(0, 2) === 0,
      text: opaque(),
    }))
    const separator = () => random.pick([',', ', ', ' ,', ',\t,', ' , , '])
    const field = tags
      .map(({ isWeak, text }) => `${isWeak ? 'W/' : ''}${text}`)
      .reduce((all, next) => all + separator() + next)
    const ours = random.pick([random.pick(tags).text, opaque()])
    const isListed = tags.some(({ text }) => text === ours)
    const isListedStrong = tags.some(({ isWeak, text }) => !isWeak && text === ours)
    assert.equal(evaluateConditions({ 'if-none-match': field }, ours), isListed ? 'not-modified' : 'proceed', field)
    assert.equal(
      evaluateConditions({ 'if-match': field }, ours),
      isListedStrong ? 'proceed' : 'precondition-failed',
      field,
    )
    assert.equal(evaluateIfRange({ 'if-range': field }, ours), tags.length === 1 && isListedStrong, field)
  }
})

test('the work is bounded by the length of the field', () => {
  const hostile = [
    ' '.repeat(100_000),
    `${' '.repeat(100_000)}x`,
    `${' ,'.repeat(50_000)}x`,
    `${'"'.repeat(100_001)}`,
    `W/"${'a'.repeat(100_000)}`,
    `${'W/"a" '.repeat(20_000)}`,
  ]
  const before = performance.now()
  for (const field of hostile) evaluateConditions({ 'if-none-match': field }, etag)
  // They take a few milliseconds; anything quadratic in 100 000 would take minutes.
  assert(performance.now() - before < 2000)
})
