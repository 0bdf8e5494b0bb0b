import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { authNames } from '../../../src/cli/auth-fields.ts'
import { readCloud } from '../../../src/cli/clouds-yaml.ts'
import { CommandFailed } from '../../../src/cli/errors.ts'
import { ConfigError } from '../../../src/config/config-error.ts'
import { escapeDollars, interpolate } from '../../../src/config/interpolate.ts'
import { nearestName } from '../../../src/config/nearest-name.ts'
import { parseIni } from '../../../src/config/parse-ini.ts'
import { readToPrimary, readToWorker } from '../../../src/workers/messages.ts'
import type { Notice } from '../../../src/workers/place.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { holds, junk, plainRecord, textOf } from './holds.ts'

const secret = 's3cr3t'
const ini = fc.oneof(
  textOf(['[DEFAULT]', '[g]', '[', ']', 'a', '=', ':', ' ', '\n', '\n ', '\r', '#', ';', '"', "'", secret], 30),
  junk,
)

holds(
  'an INI file',
  'random texts',
  'assignments, or an error of one line that quotes none of it',
  fc.property(ini, (text) => {
    try {
      for (const { group, name, from } of parseIni(text, 'f')) {
        assert(group !== '' && name !== '' && name === name.trim())
        assert.match(from, /^f:[0-9]+$/)
      }
    } catch (error) {
      assert(error instanceof ConfigError)
      assert(!/[\n\r]/.test(error.message) && !error.message.includes(secret))
    }
  }),
)

const word = fc.string({ unit: fc.constantFrom(...'abXY_0'), minLength: 1, maxLength: 5 })
/** Lines of a value: none is blank at an end, or quoted, which would be taken off. */
const valueLine = fc
  .string({ unit: fc.constantFrom(...'a=:#;[] $"\'é'), minLength: 1, maxLength: 6 })
  .map((line) => `x${line}x`)
const option = fc.record({
  name: word,
  lines: fc.array(valueLine, { minLength: 1, maxLength: 3 }),
  sign: fc.constantFrom('=', ' = ', ':', ' :\t'),
  indent: fc.constantFrom(' ', '\t', '    '),
  before: fc.constantFrom('', '# a comment\n', '\n;\n', '\n'),
})
const section = fc.record({
  group: fc.oneof(word, fc.constant('DEFAULT')),
  options: fc.array(option, { maxLength: 3 }),
})

holds(
  'an INI file',
  'what its grammar allows',
  'all of it, and nothing else',
  fc.property(fc.array(section, { maxLength: 3 }), fc.constantFrom('\n', '\r\n', '\r'), (sections, end) => {
    const text = sections
      .map(
        ({ group, options }) =>
          `[${group}]\n${options.map(({ name, lines, sign, indent, before }) => `${before}${name}${sign}${lines.join(`\n${indent}`)}\n`).join('')}`,
      )
      .join('')
    const read = parseIni(text.replaceAll('\n', end), 'f').map(({ group, name, text: value }) => [group, name, value])
    const wanted = sections.flatMap(({ group, options }) =>
      options.map(({ name, lines }) => [group === 'DEFAULT' ? group : group.toLowerCase(), name, lines.join('\n')]),
    )
    assert.deepEqual(read, wanted)
  }),
)

holds(
  'dollar signs of a value',
  'what we write, and random texts',
  'the same again',
  fc.property(fc.oneof(junk, textOf(['$', '$$', '\\', '{', '}', 'a', '.'])), (text) => {
    // A backslash before a dollar sign takes its meaning, so what is written has none there.
    const plain = text.replaceAll('\\', '/')
    assert.equal(
      interpolate(escapeDollars(plain), () => assert.fail('it refers to nothing')),
      plain,
    )
    assert.equal(typeof interpolate(text, (reference) => reference), 'string')
  }),
)

/** Optimal string alignment by its definition. */
function distance(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length
  const last = a.at(-1) === b.at(-1) ? 0 : 1
  const [restA, restB] = [a.slice(0, -1), b.slice(0, -1)]
  const steps = [distance(restA, b) + 1, distance(a, restB) + 1, distance(restA, restB) + last]
  if (a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1)) {
    steps.push(distance(a.slice(0, -2), b.slice(0, -2)) + 1)
  }
  return Math.min(...steps)
}

const short = fc.string({ unit: fc.constantFrom('a', 'b', '_', '-', 'C'), maxLength: 5 })

holds(
  'a misspelt name',
  'random names',
  'the nearest by the definition',
  fc.property(short, fc.array(short, { maxLength: 3 }), fc.nat(3), (name, known, within) => {
    const plain = (text: string) => text.toLowerCase().replaceAll('-', '_')
    const found = nearestName(name, known, within)
    const distances = known.map((candidate) => distance(plain(name), plain(candidate)))
    const least = Math.min(...distances)
    assert.equal(found, least <= within ? known[distances.indexOf(least)] : undefined)
  }),
  { whole: 2000, sampled: 200 },
)

const auth = fc.dictionary(fc.constantFrom(...authNames), fc.string({ unit: 'grapheme-ascii', minLength: 1 }))

holds(
  'clouds.yaml',
  'what a writer of YAML writes',
  'the same again, digits as text',
  async (t) => {
    const file = join(await tempDir(t), 'clouds.yaml')
    const places = { env: { OS_CLIENT_CONFIG_FILE: file }, cwd: '/nowhere', home: '/nowhere' }
    return fc.asyncProperty(auth, fc.boolean(), fc.boolean(), async (fields, isJson, verify) => {
      const clouds = { clouds: { one: { auth: fields, verify }, two: {} } }
      await writeFile(file, isJson ? JSON.stringify(clouds) : stringify(clouds))
      const cloud = readCloud('one', places)
      assert.deepEqual({ ...cloud.auth }, { ...fields })
      assert.equal(cloud.verify, verify)
      assert.throws(() => readCloud('three', places), CommandFailed)
    })
  },
  { whole: 1000, sampled: 60 },
)

holds(
  'clouds.yaml',
  'random texts',
  'a cloud, or an error without what stands there',
  async (t) => {
    const file = join(await tempDir(t), 'clouds.yaml')
    const places = { env: { OS_CLIENT_CONFIG_FILE: file }, cwd: '/nowhere', home: '/nowhere' }
    const yaml = textOf(
      [
        'clouds:',
        '\n',
        ' ',
        '  ',
        'one:',
        'auth:',
        `password: ${secret}`,
        '{',
        '}',
        '[',
        ']',
        '&a',
        `*${secret}`,
        '<<: *a',
        '- ',
        '"',
        "'",
        '|',
        '>',
        '---\n',
        '!!binary ',
        '? ',
        '%',
        '\t',
        '#',
      ],
      16,
    )
    return fc.asyncProperty(fc.oneof(yaml, junk), async (text) => {
      await writeFile(file, text)
      try {
        for (const value of Object.values(readCloud('one', places).auth)) assert.equal(typeof value, 'string')
      } catch (error) {
        assert(error instanceof CommandFailed, String(error))
        assert(!error.message.includes(secret), error.message)
      }
    })
  },
  { whole: 2000, sampled: 100 },
)

const notice: fc.Arbitrary<Notice> = fc.oneof(
  plainRecord({ what: fc.constantFrom('changed', 'deleted', 'wanted'), id: fc.string() }),
  plainRecord({ what: fc.constant('condemned' as const), key: fc.string() }),
  fc.constant({ what: 'metrics' as const }),
)

holds(
  'a message between workers',
  'what they send',
  'the same again',
  fc.property(notice, fc.nat(), fc.jsonValue(), fc.array(fc.jsonValue()), (about, call, answer, answers) => {
    const wire = <T>(value: T): unknown => JSON.parse(JSON.stringify(value))
    for (const message of [
      { kind: 'asked', call, notice: about },
      { kind: 'answers', call, answers },
      { kind: 'end' },
    ]) {
      assert.deepEqual(readToWorker(wire(message)), wire(message))
    }
    for (const message of [
      { kind: 'ask', call, notice: about },
      { kind: 'answer', call, answer },
      { kind: 'hello' },
      { kind: 'failed', message: 'm' },
    ]) {
      assert.deepEqual(readToPrimary(wire(message)), wire(message))
    }
  }),
)

const odd = fc.dictionary(
  fc.constantFrom('kind', 'call', 'notice', 'what', 'id', 'key', 'answers', 'facts', '__proto__'),
  fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('ask', 'asked', 'answer', 'answers', 'ready', 'changed', 1),
    fc.record({
      what: fc.constantFrom('changed', 'condemned', 'metrics', 'x'),
      id: fc.jsonValue(),
      key: fc.jsonValue(),
    }),
  ),
)

holds(
  'a message between workers',
  'random ones',
  'a message of ours, or nothing',
  fc.property(fc.oneof(odd, fc.jsonValue(), fc.anything()), (message) => {
    for (const read of [readToWorker(message), readToPrimary(message)]) {
      if (read === undefined) continue
      if ('call' in read) assert.equal(typeof read.call, 'number')
      if ('notice' in read) {
        const { notice: about } = read
        if ('id' in about) assert.equal(typeof about.id, 'string')
        if ('key' in about) assert.equal(typeof about.key, 'string')
        assert(['changed', 'deleted', 'wanted', 'condemned', 'metrics'].includes(about.what))
      }
    }
  }),
)
