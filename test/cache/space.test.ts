import assert from 'node:assert/strict'
import { readdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { openFiles } from '../../src/cache/files.ts'
import { createFillRecord } from '../../src/cache/fill-record.ts'
import { openLayout } from '../../src/cache/layout.ts'
import { NotCacheable } from '../../src/cache/not-cached.ts'
import { Space, type SpaceOptions } from '../../src/cache/space.ts'
import { imageId } from '../support/image-id.ts'
import { openMemoryDriver } from '../support/memory-driver.ts'
import { recordEvents } from '../support/record-events.ts'
import { tempDir } from '../support/temp-dir.ts'

const next = imageId(99)

async function setUp(t: TestContext, options: Partial<SpaceOptions> = {}) {
  const layout = await openLayout(await tempDir(t))
  const files = openFiles(layout)
  const driver = await openMemoryDriver()
  const events = recordEvents()
  const space = new Space({ layout, files, driver, events, limit: 'hard', maxSize: 1000, minFreeSpace: 0, ...options })
  /** A committed image whose file takes no real space. */
  const add = async (number: number, size: number, more: { pinned?: boolean; accessedAt?: number } = {}) => {
    const id = imageId(number)
    await writeFile(layout.committed(id), '')
    await truncate(layout.committed(id), size)
    await driver.admit({ id, size, modifiedAt: 0, facts: undefined, accessedAt: number, ...more })
    return id
  }
  const cached = async () => (await readdir(layout.dir)).filter((name) => name.length === 36).sort()
  return { layout, files, driver, events, space, add, cached }
}

const refusedFor = (reason: string) => (error: unknown) => error instanceof NotCacheable && error.reason === reason
const nothing = async () => 'claimed'

describe('space', () => {
  test('hard: the least recently used go, until the new image fits before its first byte', async (t) => {
    const { space, add, cached, events } = await setUp(t)
    const [one, two, three] = [await add(1, 400), await add(2, 300), await add(3, 300)]
    assert.equal(await space.reserve(next, 500, 0, nothing), 'claimed')
    assert.deepEqual(await cached(), [three])
    assert.deepEqual(events.seen, [`evicted ${one} space`, `evicted ${two} space`])
  })

  test('hard: what is larger than the whole limit evicts nobody', async (t) => {
    const { space, add, cached } = await setUp(t)
    const one = await add(1, 400)
    await assert.rejects(space.reserve(next, 1001, 0, nothing), refusedFor('too-large'))
    assert.deepEqual(await cached(), [one])
  })

  test('soft: the limit may be passed, also by one image alone', async (t) => {
    const { space, add, cached } = await setUp(t, { limit: 'soft' })
    const one = await add(1, 900)
    assert.equal(await space.reserve(next, 5000, 0, nothing), 'claimed')
    assert.deepEqual(await cached(), [one])
  })

  test('pinned images stay', async (t) => {
    const { space, add, cached } = await setUp(t)
    const pinned = await add(1, 600, { pinned: true })
    await add(2, 400)
    await assert.rejects(space.reserve(next, 500, 0, nothing), refusedFor('limit'))
    assert.deepEqual(await cached(), [pinned])
  })

  test('files that are no images are left alone', async (t) => {
    const { layout, space, driver } = await setUp(t)
    await writeFile(join(layout.dir, 'ballast'), 'mine')
    await driver.admit({ id: 'ballast', size: 900, modifiedAt: 0, facts: undefined })
    await assert.rejects(space.reserve(next, 500, 0, nothing), refusedFor('limit'))
    assert((await readdir(layout.dir)).includes('ballast'))
  })

  test('fills under way count with their full size, in this process and in others', async (t) => {
    const { layout, files, space } = await setUp(t)
    space.hold(imageId(1), { size: 600, written: () => 10 })
    await assert.rejects(space.reserve(next, 500, 0, nothing), refusedFor('limit'))
    space.release(imageId(1))
    const owned = await files.claim(imageId(2))
    assert(owned !== undefined)
    const facts = {
      inode: owned.inode,
      size: 600,
      md5: 'a',
      hashAlgo: undefined,
      hashValue: undefined,
      updatedAt: 'x',
      startAt: 0,
    }
    const record = await createFillRecord(layout, imageId(2), facts, { watermark: 0, synced: 0 })
    await assert.rejects(space.reserve(next, 500, 0, nothing), refusedFor('limit'))
    await owned.handle.close()
    await record.close()
    assert.equal(await space.reserve(next, 500, 0, nothing), 'claimed')
  })

  test('failed copies and fills that nobody works on go before any image', async (t) => {
    const { layout, files, space, add, cached } = await setUp(t)
    const one = await add(1, 400)
    await writeFile(layout.invalid(imageId(5)), Buffer.alloc(300))
    const left = await files.claim(imageId(6))
    await left?.handle.write(Buffer.alloc(300), 0, 300, 0)
    await left?.handle.close()
    assert.equal(await space.reserve(next, 600, 0, nothing), 'claimed')
    assert.deepEqual(await cached(), [one])
    assert.deepEqual([await readdir(layout.invalidDir), await readdir(layout.incompleteDir)], [[], []])
  })

  test('rule 12: summing and recording happen under one lock: two who ask at once do not both fit', async (t) => {
    const { layout, files, driver, events, space } = await setUp(t)
    const other = new Space({ layout, files, driver, events, limit: 'hard', maxSize: 1000, minFreeSpace: 0 })
    const claim = (owner: Space, id: string) =>
      owner.reserve(id, 600, 0, async () => {
        const owned = await files.claim(id)
        assert(owned !== undefined)
        const facts = {
          inode: owned.inode,
          size: 600,
          md5: 'a',
          hashAlgo: undefined,
          hashValue: undefined,
          updatedAt: 'x',
          startAt: 0,
        }
        await (await createFillRecord(layout, id, facts, { watermark: 0, synced: 0 })).close()
        t.after(() => owned.handle.close())
      })
    const both = await Promise.allSettled([claim(space, imageId(1)), claim(other, imageId(2))])
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  })

  test('rule 12: a slow reader cannot freeze eviction; its bytes count until it closes', async (t) => {
    const { files, space, add, cached } = await setUp(t, { inUseGrace: 0 })
    const one = await add(1, 900)
    const reader = await files.openCommitted(one)
    await assert.rejects(space.reserve(next, 500, 0, nothing), refusedFor('limit'))
    assert.deepEqual(await cached(), [])
    assert.equal(await space.unlinkedBytes(), 900)
    await assert.rejects(space.reserve(next, 500, 0, nothing), refusedFor('limit'))
    await reader?.handle.close()
    assert.equal(await space.reserve(next, 500, 0, nothing), 'claimed')
  })

  test('an image in use that was asked for lately is not unlinked', async (t) => {
    const { files, space, add, cached } = await setUp(t)
    const one = await add(1, 900, { accessedAt: Date.now() })
    const reader = await files.openCommitted(one)
    await assert.rejects(space.reserve(next, 500, 0, nothing), refusedFor('limit'))
    assert.deepEqual(await cached(), [one])
    await reader?.handle.close()
  })

  test('free space that must stay free is kept, whatever the limit, and nothing is evicted in vain', async (t) => {
    const { space, add, cached } = await setUp(t, { limit: 'soft', minFreeSpace: 2 ** 60 })
    const one = await add(1, 900)
    await assert.rejects(space.reserve(next, 10, 0, nothing), refusedFor('no-space'))
    assert.deepEqual(await cached(), [one])
  })

  test('what claims is run while the lock is held, and its failure frees it', async (t) => {
    const { space } = await setUp(t)
    await assert.rejects(
      space.reserve(next, 10, 0, async () => {
        throw new Error('no')
      }),
      /no/,
    )
    assert.equal(await space.reserve(next, 10, 0, nothing), 'claimed')
  })
})
