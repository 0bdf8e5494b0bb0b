import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explanation } from '../../src/cli/explanation.ts'
import { bytes, duration, utc, utcOfSeconds } from '../../src/cli/quantities.ts'
import { table } from '../../src/cli/table.ts'

// The tables and times here were printed by Glance's own program.

test('a table as Glance draws it: the odd space goes by the length of the text', () => {
  const columns = [{ title: 'ID' }, { title: 'ab' }, { title: 'abc' }, { title: 'Size', align: 'right' }] as const
  const rows = [
    ['x', 'abcdefg', '12', '5'],
    ['xyz12', 'a', '1234567', '51111'],
  ]
  assert.equal(
    table(columns, rows),
    `+-------+---------+---------+-------+
|   ID  |    ab   |   abc   |  Size |
+-------+---------+---------+-------+
|   x   | abcdefg |    12   |     5 |
| xyz12 |    a    | 1234567 | 51111 |
+-------+---------+---------+-------+`,
  )
  assert.equal(
    table([{ title: 'ID' }], [['x'], ['xyz1'], ['xy']]),
    '+------+\n|  ID  |\n+------+\n|  x   |\n| xyz1 |\n|  xy  |\n+------+',
  )
})

test('control characters that a server sends do not reach the terminal', () => {
  assert.match(table([{ title: 'ID' }], [['a\u001b[2Jb\nc']]), /^\| a\?\[2Jb\?c \|$/m)
})

test('times as Python writes them: UTC, without a zone, microseconds only when there are any', () => {
  assert.equal(utcOfSeconds(1651504844.0860524), '2022-05-02T15:20:44.086052')
  assert.equal(utcOfSeconds(1651504844), '2022-05-02T15:20:44')
  assert.equal(utcOfSeconds(1651504844.9999998), '2022-05-02T15:20:45')
  assert.equal(utcOfSeconds(1763737441.5), '2025-11-21T15:04:01.500000')
  assert.equal(utcOfSeconds(0.5), '1970-01-01T00:00:00.500000')
  assert.equal(utcOfSeconds(Number.NaN), 'N/A')
  assert.equal(utc(1651504844086), '2022-05-02T15:20:44')
})

test('sizes and durations', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 1024 ** 3 * 2.25].map(bytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '2.3 GiB',
  ])
  assert.deepEqual([0, 59.6, 200, 7500].map(duration), ['0s', '1m00s', '3m20s', '2h05m'])
})

test('the explanation in an error body, in each of the forms that servers send', () => {
  assert.equal(
    explanation(
      '<html>\n <head>\n  <title>400 Bad Request</title>\n </head>\n <body>\n  <h1>400 Bad Request</h1>\n  Bad &lt;id&gt;<br /><br />\nTwice.\n\n\n </body>\n</html>',
    ),
    'Bad <id>\nTwice.',
  )
  assert.equal(
    explanation('404 Not Found\n\nThe resource could not be found.\n\n   '),
    'The resource could not be found.',
  )
  assert.equal(explanation('{"message": "No.<br /><br />\\n", "code": "409 Conflict", "title": "Conflict"}'), 'No.')
  assert.equal(explanation('plain\u001b[31m words'), 'plain?[31m words')
  assert.equal(explanation(''), '')
})
