import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { openFiles } from '../../src/cache/files.ts'
import { reconcile } from '../../src/cache/reconcile.ts'
import { openImageCache } from '../support/image-cache.ts'
import { imageId } from '../support/image-id.ts'

test('rule 14: the record of a fill that another process begins just now is not dropped', async (t) => {
  const { driver, layout, events, cache } = await openImageCache(t)
  const files = openFiles(layout)
  // As createFillRecord of another process has it just before its rename: the image's place is owned.
  const owned = await files.claim(imageId(1))
  assert(owned !== undefined)
  const temporary = `${layout.fillRecord(imageId(1))}.tmp`
  await writeFile(temporary, 'x')
  await reconcile({ layout, files, driver, space: cache.space, events })
  assert.deepEqual(await readdir(layout.fillsDir), [`${imageId(1)}.tmp`])
  await owned.handle.close()
})
