import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { renderHelp, renderOptionsTable, renderSample } from '../../src/config/option-documents.ts'
import { optionGroups, optionList } from '../../src/config/option-list.ts'
import { optionTable } from '../../src/config/options.ts'
import { accepted, load, loadText } from './config-case.ts'

// `npx node --test --test-update-snapshots test/config/documents.test.ts` writes both files anew.
const root = join(import.meta.dirname, '../..')
const document = join(root, 'docs/configuration.md')
const sample = join(root, 'packaging/afterimage.conf')
const serializers = [String]

test('docs/configuration.md has the tables of the option table', (t) => {
  const text = readFileSync(document, 'utf8')
  const section = /(?<=<!-- options: .*-->\n)[\s\S]*(?=<!-- end of options -->)/
  assert.match(text, section)
  t.assert.fileSnapshot(
    text.replace(section, () => `\n${renderOptionsTable()}\n`),
    document,
    { serializers },
  )
})

test('docs/configuration.md has a row for every option, and speaks of none that there is not', () => {
  const text = readFileSync(document, 'utf8')
  const rows = [...text.matchAll(/^### `\[(\w+)\]`|^\| `(\w+)` +\|/gm)]
  let group = ''
  const documented = rows.flatMap(([, heading, name]) => {
    group = heading ?? group
    return name === undefined ? [] : [`${group}.${name}`]
  })
  const options = optionList.map((option) => `${option.group}.${option.name}`)
  assert.deepEqual(documented, options)

  const variables = new Set(optionList.map((option) => option.environment))
  const flags = new Set(optionList.map((option) => option.flag))
  for (const own of ['--config-file', '--config-dir', '--print-config', '--help', '--version']) flags.add(own)
  // An error message that the document shows has a misspelled one on purpose.
  variables.add('OS_ORIGIN__ULR')
  for (const [variable] of text.matchAll(/\bOS_[A-Z_]+__[A-Z_]+\b/g)) assert.ok(variables.has(variable), variable)
  for (const [flag] of text.matchAll(/(?<=[\s`])--[a-z][a-z-]*/g)) assert.ok(flags.has(flag), flag)
})

test('packaging/afterimage.conf is the option table', (t) => {
  t.assert.fileSnapshot(renderSample(), sample, { serializers })
})

test('packaging/afterimage.conf gives the defaults of an installed program, uncommented too', (t) => {
  const text = readFileSync(sample, 'utf8')
  const defaults = accepted(load({ installed: true, defaultFile: '/nonexistent' })).config
  assert.deepEqual(accepted(loadText(t, text, { installed: true })).config, defaults)
  const uncommented = text.replace(/^#(?=\w)/gm, '')
  assert.equal(uncommented.match(/^\w+ =/gm)?.length, optionList.length)
  assert.deepEqual(accepted(loadText(t, uncommented, { installed: true })).config, defaults)
})

test('--help names every option', () => {
  const help = renderHelp()
  for (const { flag, environment } of optionList) {
    assert.match(help, new RegExp(`^ {2}${flag} [A-Z ]+$`, 'm'))
    assert.match(help, new RegExp(`\\b${environment};`))
  }
})

test('the table: no two options share a name, texts fit into one line of a Markdown table', () => {
  assert.equal(new Set(optionList.map(({ environment }) => environment)).size, optionList.length)
  assert.equal(new Set(optionList.map(({ flag }) => flag)).size, optionList.length)
  assert.equal(optionGroups.size, Object.keys(optionTable).length)
  for (const { name, help, kind } of optionList) {
    assert.match(name, /^[a-z]+(_[a-z]+)*$/)
    assert.doesNotMatch(help + kind.accepts, /[|\n]|\.$/)
  }
})

test("the environment's and the flags' names are oslo.config's", () => {
  const names = optionList.map(({ group, name, environment, flag }) => [group, name, environment, flag])
  assert.deepEqual(
    names.filter(([, name]) => name === 'bind_port'),
    [
      ['DEFAULT', 'bind_port', 'OS_DEFAULT__BIND_PORT', '--bind-port'],
      ['management', 'bind_port', 'OS_MANAGEMENT__BIND_PORT', '--management-bind-port'],
    ],
  )
})
