import assert from 'node:assert/strict'
import { open, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { openDigests } from '../../src/cache/digest.ts'
import { deadline } from '../support/deadline.ts'
import { openImageCache } from '../support/image-cache.ts'
import { imageId } from '../support/image-id.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { nobody } from '../support/upstream-glance.ts'

const id = imageId(1)

describe('a cache that is being closed', () => {
  test('begins no fill with an answer that comes too late, and leaves nothing behind', async (t) => {
    const { cache, up, layout } = await openImageCache(t)
    up.addImage({ id, bytes: patternBytes(100_000) })
    const held = up.nextFile(id, { holdHeaders: true })
    const turn = cache.enter(id, nobody)
    assert(turn.role === 'first')
    await deadline(held.reached, 'the upstream is asked')
    await deadline(cache[Symbol.asyncDispose](), 'the cache closes')
    held.release()
    const led = await deadline(turn.led, 'the answer comes')
    assert.equal(led.kind, 'pass')
    if (led.kind === 'pass') led.download?.abort()
    assert.deepEqual([cache.fills(), await readdir(layout.incompleteDir)], [[], []])
  })

  test('starts no thread that nobody ends any more', async (t) => {
    const path = join(await tempDir(t), 'file')
    await writeFile(path, 'abc')
    await using file = await open(path)
    const digests = openDigests(1)
    await digests[Symbol.asyncDispose]()
    assert.throws(() => digests.start(file.fd, 'md5'), /closed/)
  })
})
