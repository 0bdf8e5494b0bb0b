import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readPseudonym } from '../../src/http/pseudonym.ts'
import { tempDir } from '../support/temp-dir.ts'

test('rule 17: every installation has a name of its own in Via, and keeps it', async (t) => {
  const dir = await tempDir(t)
  const one = await readPseudonym(join(dir, 'one'))
  assert.match(one, /^afterimage-[0-9a-f]{12}$/)
  assert.equal(await readPseudonym(join(dir, 'one')), one)
  assert.notEqual(await readPseudonym(join(dir, 'two')), one)
})

test('junk in its file is replaced', async (t) => {
  const path = join(await tempDir(t), 'via')
  await writeFile(path, 'two words\n')
  const made = await readPseudonym(path)
  assert.match(made, /^afterimage-[0-9a-f]{12}$/)
  assert.equal(await readPseudonym(path), made)
})
