import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { licencesDocument, readDependencies, refused } from './listing.ts'

test('every production dependency has a licence that was accepted', () => {
  const dependencies = readDependencies()
  assert(dependencies.length > 10)
  assert.deepEqual(refused(dependencies), [])
})

test('one that was not is found', () => {
  const some = { name: 'some', version: '1.0.0', isOptional: false }
  for (const licence of ['GPL-3.0-only', 'UNLICENSED', 'none', '(MIT OR GPL-2.0)']) {
    assert.equal(refused([{ ...some, licence }]).length, 1, licence)
  }
})

test('docs/licences.md lists them: npm run licences writes it', () => {
  const path = join(import.meta.dirname, '../../docs/licences.md')
  assert.equal(readFileSync(path, 'utf8'), licencesDocument(readDependencies()))
})
