import assert from 'node:assert/strict'
import { stat, truncate } from 'node:fs/promises'
import { test } from 'node:test'
import { deadline, eventually } from '../support/deadline.ts'
import { beginFill, openImageCache } from '../support/image-cache.ts'
import { imageId } from '../support/image-id.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)
const bytes = patternBytes(300_000)

test('a file that somebody else has made longer or shorter is not committed, though no digest tells', async (t) => {
  const { up, cache, layout } = await openImageCache(t)
  up.addImage({ id, bytes, omit: ['md5', 'hash'] })
  const stall = up.nextFile(id, { stallAt: 200_000 })
  const fill = await beginFill(cache, id)
  await deadline(stall.reached, 'most of it has come')
  await eventually(async () => (await stat(layout.incomplete(id))).size === 200_000, 'it is in the file')
  await truncate(layout.incomplete(id), bytes.length + 1)
  stall.release()
  assert.equal(await deadline(fill.done, 'the fill ends'), 'cache-failed')
  assert.equal(await stat(layout.committed(id)).catch(() => 'absent'), 'absent')
})
