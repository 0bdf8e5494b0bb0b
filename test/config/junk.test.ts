// biome-ignore-all lint/suspicious/noTemplateCurlyInString: in these strings ${name} is oslo.config's syntax
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { optionGroups, optionList } from '../../src/config/option-list.ts'
import { directoryWith, load } from './config-case.ts'

const pieces = [
  ...optionList.flatMap(({ name, flag, environment }) => [name, flag, environment]),
  ...[...optionGroups.keys()].map((group) => `[${group}]`),
  ...[
    '[',
    ']',
    '=',
    ':',
    ' = ',
    '=',
    '\n',
    '\n',
    '\n ',
    '\r',
    '\t',
    '#',
    ';',
    '"',
    "'",
    '$',
    '$$',
    '${',
    '}',
    '\\',
    '.',
    '-',
    '--',
  ],
  ...[
    '$bind_port',
    '${origin.url}',
    '__proto__',
    'constructor',
    'toString',
    'OS_',
    '__',
    '\0',
    '\u2028',
    '\ufeff',
    '😀',
    '\ud800',
  ],
  ...['1', '0', '-1', '1e999', '9'.repeat(400), 'true', 'soft', 'glance', 'http://x', 'http://', '/', '..', 'é'],
]

test('whatever is in a file, the environment and the arguments: a result, and an error is one line', (t) => {
  const cwd = directoryWith(t, {})
  const random = generator(20260)
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)]
  const junk = (most: number) => Array.from({ length: Math.floor(random() * most) }, () => pick(pieces) ?? '').join('')
  const seen = { config: 0, print: 0, error: 0 }

  for (let round = 0; round < 1000; round += 1) {
    const text = `${random() < 0.7 ? '[DEFAULT]\n' : ''}${junk(30)}`
    writeFileSync(join(cwd, 'x.conf'), text)
    const argv = ['--config-file=x.conf', ...(random() < 0.3 ? [junk(4), junk(4)] : [])]
    const option = pick(optionList)
    const env = { [option?.environment ?? '']: random() < 0.2 ? junk(5) : undefined, [`OS_${junk(3)}`]: junk(3) }
    const shown = JSON.stringify({ text, argv, env })
    const result = load({ cwd, argv, env })
    seen[result.kind] += 1
    if (result.kind !== 'error') continue
    assert.doesNotMatch(result.message, /[\p{Cc}\u2028\u2029]/u, shown)
    assert.ok(result.message.length > 10, shown)
  }
  assert.ok(seen.config > 100 && seen.error > 100, `the junk is too uniform to show anything: ${JSON.stringify(seen)}`)
})

/** The same numbers in every run (a linear congruential generator modulo 2^32), so that a failure can be repeated. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
