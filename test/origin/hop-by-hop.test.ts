import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  callerFields,
  endToEnd,
  fieldPairs,
  type Hop,
  isLoop,
  requestFields,
} from '../../src/origin/upstream/hop-by-hop.ts'

const hop: Hop = {
  pseudonym: 'here',
  httpVersion: '1.1',
  clientAddress: '::ffff:192.0.2.9',
  scheme: 'https',
  host: 'h',
  requestId: undefined,
}

test('end-to-end fields keep order, case and duplicates', () => {
  const fields = fieldPairs([
    'B',
    '1',
    'connection',
    'close',
    'A',
    '2',
    'b',
    '3',
    'Transfer-Encoding',
    'chunked',
    'C',
    '',
  ])
  assert.deepEqual(endToEnd(fields), [
    ['B', '1'],
    ['A', '2'],
    ['b', '3'],
    ['C', ''],
  ])
})

test('what Connection names goes with it, wherever it stands and however it is written', () => {
  const raw = ['X-A', '1', 'Connection', ' ,x-B,, X-a ', 'x-b', '2', 'X-C', '3', 'CONNECTION', 'x-d', 'X-D', '4']
  assert.deepEqual(endToEnd(fieldPairs(raw)), [['X-C', '3']])
})

test('the caller’s fields and those of the one request are two halves of the same', () => {
  const raw = [
    'Host',
    'h',
    'X-Auth-Token',
    't',
    'Range',
    'bytes=0-',
    'Content-Type',
    'a/b',
    'Accept',
    '*/*',
    'Expect',
    '100-continue',
    'IF-NONE-MATCH',
    '"x"',
    'Accept-Encoding',
    'br',
    'Content-MD5',
    'm',
    'Accept-Language',
    'de',
  ]
  assert.deepEqual(callerFields(raw, hop), [
    ['X-Auth-Token', 't'],
    ['Accept', '*/*'],
    ['Accept-Language', 'de'],
    ['Via', '1.1 here'],
    ['X-Forwarded-For', '192.0.2.9'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'h'],
  ])
  assert.deepEqual(
    requestFields(raw).map(([name]) => name),
    ['Range', 'Content-Type', 'IF-NONE-MATCH', 'Accept-Encoding', 'Content-MD5'],
  )
})

test('a client that has gone has no address', () => {
  const fields = callerFields([], { ...hop, clientAddress: undefined, host: undefined })
  assert.deepEqual(fields, [
    ['Via', '1.1 here'],
    ['X-Forwarded-Proto', 'https'],
  ])
})

test('a Connection that names our own fields does not remove them', () => {
  const fields = callerFields(
    ['Connection', 'Via, X-Forwarded-For', 'Via', '1.1 forged', 'X-Forwarded-For', '6.6.6.6'],
    hop,
  )
  assert.deepEqual(fields.slice(0, 2), [
    ['Via', '1.1 here'],
    ['X-Forwarded-For', '192.0.2.9'],
  ])
})

for (const [via, loop] of [
  [['1.1 here'], true],
  [['1.0 a, 1.1 HERE', '1.1 b'], true],
  [['HTTP/1.1   here (comment)'], true],
  [['1.1 a (see, 1.1 here), 1.1 b'], false],
  [['1.1 a (one (two, 1.1 here) \\) 1.1 here), 1.1 b'], false],
  [['1.1 here-too'], false],
  [['1.1 there', ''], false],
  [['here'], false],
  [[], false],
] as const) {
  test(`${loop ? 'a loop' : 'no loop'}: ${JSON.stringify(via)}`, () => assert.equal(isLoop(via, 'here'), loop))
}
