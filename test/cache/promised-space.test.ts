import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { openFiles } from '../../src/cache/files.ts'
import { createFillRecord } from '../../src/cache/fill-record.ts'
import { openLayout } from '../../src/cache/layout.ts'
import { NotCacheable } from '../../src/cache/not-cached.ts'
import { Space } from '../../src/cache/space.ts'
import { cleanup } from '../support/cleanup.ts'
import { imageId } from '../support/image-id.ts'
import { openMemoryDriver } from '../support/memory-driver.ts'
import { recordEvents } from '../support/record-events.ts'
import { cannotMount, tmpfsDir } from '../support/tmpfs-dir.ts'

const mebibyte = 1 << 20
const next = imageId(99)

/** 16 MiB of disk, and no other limit. */
async function setUp(t: TestContext) {
  const layout = await openLayout(await tmpfsDir(t, 'size=16m'))
  const files = openFiles(layout)
  const driver = await openMemoryDriver()
  const events = recordEvents()
  const space = new Space({ layout, files, driver, events, limit: 'soft', maxSize: 0, minFreeSpace: 0 })
  return { layout, files, space }
}

const noSpace = (error: unknown) => error instanceof NotCacheable && error.reason === 'no-space'
const nothing = async () => 'claimed'

describe('rule 12: disk that is promised to fills is not given away twice', { skip: cannotMount }, () => {
  test('to fills of this process, but for what they have written', async (t) => {
    const { space } = await setUp(t)
    let written = 0
    space.hold(imageId(1), { size: 10 * mebibyte, written: () => written })
    await assert.rejects(space.reserve(next, 8 * mebibyte, 0, nothing), noSpace)
    written = 8 * mebibyte
    assert.equal(await space.reserve(next, 8 * mebibyte, 0, nothing), 'claimed')
  })

  test('to fills of other processes', async (t) => {
    const { layout, files, space } = await setUp(t)
    const owned = await files.claim(imageId(1))
    assert(owned !== undefined)
    cleanup(t, () => owned.handle.close())
    const size = 10 * mebibyte
    const facts = {
      inode: owned.inode,
      size,
      md5: 'a',
      hashAlgo: undefined,
      hashValue: undefined,
      updatedAt: 'x',
      startAt: 0,
    }
    await (await createFillRecord(layout, imageId(1), facts, { watermark: 0, synced: 0 })).close()
    await assert.rejects(space.reserve(next, 8 * mebibyte, 0, nothing), noSpace)
    assert.equal(await space.reserve(next, 4 * mebibyte, 0, nothing), 'claimed')
  })

  test('what lies in incomplete/ already needs no room any more', async (t) => {
    const { space } = await setUp(t)
    await assert.rejects(space.reserve(next, 20 * mebibyte, 0, nothing), noSpace)
    assert.equal(await space.reserve(next, 20 * mebibyte, 8 * mebibyte, nothing), 'claimed')
  })
})
