import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIni } from '../../src/config/parse-ini.ts'

/** What oslo.config 9.0 makes of the same texts, line numbers apart. */
const texts: readonly [
  what: string,
  text: string,
  read: readonly (readonly [group: string, name: string, text: string, line: number])[],
][] = [
  ['nothing', '', []],
  [
    'both signs, the first divides',
    '[g]\na = 1=2\nb: 3:4\nc = 5:6\nd : 7=8',
    [
      ['g', 'a', '1=2', 2],
      ['g', 'b', '3:4', 3],
      ['g', 'c', '5:6', 4],
      ['g', 'd', '7=8', 5],
    ],
  ],
  ['comments and blank lines', '# a=1\n;b=2\n\n[g]\n#c=3\n;\n', []],
  ['a # behind a value belongs to it', '[g]\na = 1 # one', [['g', 'a', '1 # one', 2]]],
  [
    'continuation, also by what looks like a comment',
    '[g]\na = 1\n  2\n\t# 3\nb = 4',
    [
      ['g', 'a', '1\n2\n# 3', 2],
      ['g', 'b', '4', 5],
    ],
  ],
  [
    'one pair of quotes',
    `[g]\na = "x y "\nb = 'z'\nc = "\nd = 'a" \ne = ""f""`,
    [
      ['g', 'a', 'x y ', 2],
      ['g', 'b', 'z', 3],
      ['g', 'c', '', 4],
      ['g', 'd', `'a"`, 5],
      ['g', 'e', '"f"', 6],
    ],
  ],
  [
    'groups in any case, except DEFAULT',
    '[DEFAULT]\na=1\n[Cache]\na=2\n[default]\na=3',
    [
      ['DEFAULT', 'a', '1', 2],
      ['cache', 'a', '2', 4],
      ['default', 'a', '3', 6],
    ],
  ],
  ['names as they are', '[g]\nA b-C = 1', [['g', 'A b-C', '1', 2]]],
  [
    'every assignment of one option',
    '[g]\na=1\n[h]\n[g]\na=2',
    [
      ['g', 'a', '1', 2],
      ['g', 'a', '2', 5],
    ],
  ],
  [
    'line ends of other systems',
    '[g]\r\na=1\r\nb=2\rc=3',
    [
      ['g', 'a', '1', 2],
      ['g', 'b', '2', 3],
      ['g', 'c', '3', 4],
    ],
  ],
  [
    'an empty value',
    '[g]\na =\nb:',
    [
      ['g', 'a', '', 2],
      ['g', 'b', '', 3],
    ],
  ],
]

for (const [what, text, read] of texts) {
  test(`read: ${what}`, () => {
    const expected = read.map(([group, name, value, line]) => ({ group, name, text: value, from: `x.conf:${line}` }))
    assert.deepEqual(parseIni(text, 'x.conf'), expected)
  })
}

const faults: readonly [text: string, message: string][] = [
  ['a = 1', 'x.conf:1: an option before the first [group]: write [DEFAULT] above it'],
  ['[g]\npassword hunter2', 'x.conf:2: neither a [group] nor "option = value"'],
  ['[g]\n= 1', "x.conf:2: a value without an option's name before it"],
  ['[]', 'x.conf:1: a group without a name'],
  ['[g', "x.conf:1: a group's line begins with [ and has to end with ]"],
  ['[g] # comment', "x.conf:1: a group's line begins with [ and has to end with ]"],
  ['[g]\n  a = 1', 'x.conf:2: an indented line continues a value, and there is none'],
  ['[g]\na = 1\n\n  2', 'x.conf:4: an indented line continues a value, and there is none'],
  ['[g]\na = 1\n# c\n  2', 'x.conf:4: an indented line continues a value, and there is none'],
]

for (const [text, message] of faults) {
  test(`refused: ${message}`, () => {
    assert.throws(() => parseIni(text, 'x.conf'), { code: 'CONFIG_INVALID', message })
  })
}
