import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  boolean,
  choice,
  float,
  host,
  integer,
  type Kind,
  list,
  path,
  port,
  size,
  string,
  url,
} from '../../src/config/kinds.ts'

const seconds = float({ min: 0, max: 60 })
const words = choice('soft', 'hard')
const count = integer({ min: 1, max: 20 })

const cases: readonly [kind: Kind<unknown>, taken: Readonly<Record<string, unknown>>, refused: readonly string[]][] = [
  [string, { x: 'x', ' a b ': ' a b ', "it's": "it's", é: 'é' }, ['', 'a\nb', 'a\0b', '\t']],
  [
    host,
    { '127.0.0.1': '127.0.0.1', '::': '::', localhost: 'localhost', 'cache-1.example.org': 'cache-1.example.org' },
    ['', '127.0.0.1:9292', '10.0.0', '300.1.1.1', '[::1]', 'a b', 'a/b', '-a', `${'a'.repeat(64)}.org`, '*'],
  ],
  [count, { '1': 1, '20': 20, ' 7 ': 7, '+3': 3, '007': 7 }, ['', '0', '21', '1.5', '1e1', '0x10', 'ten', '-1', '1 2']],
  [integer({}), { '-9007199254740991': -9007199254740991 }, ['9007199254740993']],
  [
    seconds,
    { '0': 0, '0.25': 0.25, '.5': 0.5, '6e1': 60, '1.': 1 },
    ['', '-0.1', '61', 'inf', 'nan', '1,5', '.', '1e400'],
  ],
  [port, { '0': 0, '65535': 65535 }, ['', '65536', '-1', 'http', '80.5']],
  [
    boolean,
    { true: true, YES: true, On: true, '1': true, False: false, no: false, oFF: false, '0': false },
    ['', '2', 'y', 't', 'enabled'],
  ],
  [
    size,
    { '0': 0, '10737418240': 10737418240, '1K': 1024, '2m': 2097152, '200G': 214748364800, '1 TiB': 1099511627776 },
    ['', '-1', '1.5G', '1KB', '1B', 'G', '9007199254740993', '99999999T'],
  ],
  [words, { soft: 'soft', HARD: 'hard', ' Soft ': 'soft' }, ['', 'softer', 'soft,hard', 'constructor']],
  [list, { a: ['a'], ' a, b ,c': ['a', 'b', 'c'] }, ['', ',', 'a,,b', 'a,\n']],
  [
    url,
    {
      'http://glance:9292': 'http://glance:9292',
      'http://glance:9292/': 'http://glance:9292',
      'HTTPS://Glance.Example.Org/image//': 'https://glance.example.org/image',
      'http://[::1]:5000/v3': 'http://[::1]:5000/v3',
    },
    [
      '',
      'glance:9292',
      '/srv',
      'ftp://x',
      'http://',
      'http:x',
      'http://u:p@x',
      'http://x?a',
      'http://x#a',
      'http://x:99999',
      'http://a\nb',
    ],
  ],
  [path, { '/a/b/': '/a/b', 'c/d': '/here/c/d', '../x': '/x', '.': '/here' }, ['', '/a\0b', 'a\nb']],
]

for (const [kind, taken, refused] of cases) {
  test(`${kind.name}: what is taken, and what is not`, () => {
    for (const [text, value] of Object.entries(taken)) assert.deepEqual(kind.parse(text, '/here'), value, text)
    for (const text of refused) assert.equal(kind.parse(text, '/here'), undefined, JSON.stringify(text))
  })

  test(`${kind.name}: a value printed by String is read again`, () => {
    for (const value of Object.values(taken)) assert.deepEqual(kind.parse(String(value), '/elsewhere'), value)
  })
}

test('a kind says its bounds', () => {
  assert.equal(count.accepts, 'an integer from 1 to 20')
  assert.equal(integer({ min: 0 }).accepts, 'an integer, at least 0')
  assert.equal(float({ max: 5 }).accepts, 'a number, at most 5')
  assert.equal(integer({}).accepts, 'an integer')
  assert.equal(words.accepts, 'one of soft, hard')
})
