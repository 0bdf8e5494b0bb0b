import assert from 'node:assert/strict'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { runManage } from '../support/manage-program.ts'
import { tempDir } from '../support/temp-dir.ts'

test('what migrate makes is not for every user of the machine, as what the server makes', async (t) => {
  const dir = await tempDir(t)
  const [cache, images] = [join(dir, 'cache'), join(dir, 'images')]
  for (const each of [cache, images]) await mkdir(each)
  const file = join(dir, 'afterimage.conf')
  await writeFile(file, `[DEFAULT]\nimage_cache_dir = ${cache}\n[origin]\npath = ${images}\n`)
  const before = process.umask(0o022)
  try {
    const ran = await runManage(['migrate', '--from', 'xattr', '--to', 'sqlite', '--config-file', file])
    assert.equal(ran.code, 0, ran.stdout + ran.stderr)
  } finally {
    process.umask(before)
  }
  assert.equal((await stat(join(cache, 'cache.db'))).mode & 0o777, 0o640)
})
