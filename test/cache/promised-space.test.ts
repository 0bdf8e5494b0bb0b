import assert from 'node:assert/strict'
import { open, statfs, truncate, writeFile } from 'node:fs/promises'
import { describe, type TestContext, test } from 'node:test'
import { openFiles } from '../../src/cache/files.ts'
import { createFillRecord } from '../../src/cache/fill-record.ts'
import { openLayout } from '../../src/cache/layout.ts'
import { NotCacheable } from '../../src/cache/not-cached.ts'
import { Space } from '../../src/cache/space.ts'
import { cleanup } from '../support/cleanup.ts'
import { deadline } from '../support/deadline.ts'
import { openImageCache } from '../support/image-cache.ts'
import { imageId } from '../support/image-id.ts'
import { openMemoryDriver } from '../support/memory-driver.ts'
import { recordEvents } from '../support/record-events.ts'
import { cannotMount, tmpfsDir } from '../support/tmpfs-dir.ts'
import { nobody } from '../support/upstream-glance.ts'

const mebibyte = 1 << 20
const next = imageId(99)

/** 16 MiB of disk, and no other limit. */
async function setUp(t: TestContext) {
  const layout = await openLayout(await tmpfsDir(t, 'size=16m'))
  const files = openFiles(layout)
  const driver = await openMemoryDriver()
  const events = recordEvents()
  const space = new Space({ layout, files, driver, events, limit: 'soft', maxSize: 0, minFreeSpace: 0 })
  return { layout, files, driver, space }
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

describe('an image that is mostly zeros', { skip: cannotMount }, () => {
  test('gives back only what it takes: the next one goes too, until there is room', async (t) => {
    const { layout, driver, space } = await setUp(t)
    await writeFile(layout.committed(imageId(1)), '')
    await truncate(layout.committed(imageId(1)), 12 * mebibyte)
    await writeFile(layout.committed(imageId(2)), Buffer.alloc(8 * mebibyte, 1))
    for (const [at, size] of [12, 8].entries()) {
      const entry = { size: size * mebibyte, modifiedAt: 0, facts: undefined, accessedAt: at + 1 }
      await driver.admit({ id: imageId(at + 1), ...entry })
    }
    assert.equal(await space.reserve(next, 12 * mebibyte, 0, nothing), 'claimed')
    const { bavail, bsize } = await statfs(layout.dir)
    assert(bavail * bsize >= 12 * mebibyte, `${bavail * bsize} bytes are free`)
  })

  test('needs room for what is missing of it only, when it is gone on with', async (t) => {
    const layout = await openLayout(await tmpfsDir(t, 'size=16m'))
    const { up, cache } = await openImageCache(t, { layout })
    const bytes = Buffer.alloc(32 * mebibyte)
    bytes.fill(1, bytes.length - mebibyte)
    const image = up.addImage({ id: next, bytes })
    await using left = await open(layout.incomplete(next), 'w')
    await left.truncate(24 * mebibyte)
    const { os_hash_algo: algorithm, os_hash_value: hash } = image.record()
    const facts = {
      inode: (await left.stat()).ino,
      size: bytes.length,
      md5: image.md5,
      hashAlgo: String(algorithm),
      hashValue: String(hash),
      updatedAt: image.updatedAt,
      startAt: 0,
    }
    await (await createFillRecord(layout, next, facts, { watermark: 24 * mebibyte, synced: 0 })).close()
    assert.equal((await deadline(cache.fetch(next, nobody), 'it is fetched')).kind, 'committed')
    assert.equal(up.downloads(next).at(-1)?.header('range'), `bytes=${24 * mebibyte}-`)
  })
})
