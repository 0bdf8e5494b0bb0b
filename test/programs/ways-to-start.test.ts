import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeFlags } from '../../bench/node-flags.ts'

const root = join(import.meta.dirname, '../..')
const read = (name: string) => readFile(join(root, name), 'utf8')

test('every way to start the server gives Node the flags that were measured', async () => {
  const flags = nodeFlags.join(' ')
  const [program, manifest, image] = await Promise.all(['src/api.ts', 'package.json', 'Dockerfile'].map(read))
  assert.equal(program?.split('\n')[0], `#!/usr/bin/env -S node ${flags}`)
  assert.match(JSON.parse(manifest ?? '').scripts.start, new RegExp(` node ${flags} src/api\\.ts$`))
  const command = image?.split('\n').find((line) => line.startsWith('CMD '))
  assert.deepEqual(JSON.parse(command?.slice(4) ?? ''), ['node', ...nodeFlags, 'dist/src/api.js'])
})
