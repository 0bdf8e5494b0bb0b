import assert from 'node:assert/strict'
import { mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { describe, type TestContext, test } from 'node:test'
import type { Facts } from '../../drivers/driver.ts'
import { openFiles } from '../../src/cache/files.ts'
import { openLayout } from '../../src/cache/layout.ts'
import { reconcile } from '../../src/cache/reconcile.ts'
import { Space } from '../../src/cache/space.ts'
import { imageId } from '../support/image-id.ts'
import { openMemoryDriver } from '../support/memory-driver.ts'
import { recordEvents } from '../support/record-events.ts'
import { tempDir } from '../support/temp-dir.ts'

const id = imageId(1)

async function setUp(t: TestContext) {
  const layout = await openLayout(await tempDir(t))
  const driver = await openMemoryDriver()
  const tools = { layout, files: openFiles(layout), driver, events: recordEvents() }
  return { ...tools, space: new Space({ ...tools, limit: 'soft', maxSize: 0, minFreeSpace: 0 }) }
}

describe('reconciling', () => {
  test('a file that was committed just before a crash is admitted with its facts', async (t) => {
    const scene = await setUp(t)
    await writeFile(scene.layout.committed(id), 'abc')
    const { ino, mtimeMs } = await stat(scene.layout.committed(id))
    const facts: Facts = {
      inode: ino,
      size: 3,
      modifiedAt: Math.round(mtimeMs),
      md5: 'x',
      hashAlgo: undefined,
      hashValue: undefined,
      verifiedAt: 1,
    }
    await scene.driver.prepare(id, scene.layout.committed(id), facts)
    assert.deepEqual(await reconcile(scene), { admitted: 1, forgotten: 0, tidied: 0 })
    assert.deepEqual((await scene.driver.get(id))?.facts, facts)
    assert.deepEqual(await readdir(scene.layout.incompleteDir), [])
  })

  for (const [what, other] of [
    ['another file', { inode: 1 }],
    ['another size', { size: 4 }],
    ['another time', { modifiedAt: 0 }],
  ] as const) {
    test(`rule 5: a file whose facts are of ${what} is counted, but not trusted`, async (t) => {
      const scene = await setUp(t)
      await writeFile(scene.layout.committed(id), 'abc')
      const { ino, mtimeMs } = await stat(scene.layout.committed(id))
      const facts: Facts = {
        inode: ino,
        size: 3,
        modifiedAt: Math.round(mtimeMs),
        md5: 'x',
        hashAlgo: undefined,
        hashValue: undefined,
        verifiedAt: 1,
        ...other,
      }
      await scene.driver.prepare(id, scene.layout.committed(id), facts)
      await reconcile(scene)
      const entry = await scene.driver.get(id)
      assert.equal(entry?.size, 3)
      assert.equal(entry.facts, undefined)
    })
  }

  test('what was committed just before a crash is not queued any more either', async (t) => {
    const scene = await setUp(t)
    await writeFile(scene.layout.committed(id), 'abc')
    await writeFile(scene.layout.queued(id), '')
    const { ino, mtimeMs } = await stat(scene.layout.committed(id))
    const declared = { md5: 'x', hashAlgo: undefined, hashValue: undefined }
    const facts: Facts = { ...declared, inode: ino, size: 3, modifiedAt: Math.round(mtimeMs), verifiedAt: 1 }
    await scene.driver.prepare(id, scene.layout.committed(id), facts)
    assert.deepEqual(await reconcile(scene), { admitted: 1, forgotten: 0, tidied: 1 })
    assert.deepEqual(await readdir(scene.layout.queueDir), [])
  })

  test('an entry without a file is forgotten; records and queue entries of nothing are dropped', async (t) => {
    const scene = await setUp(t)
    await scene.driver.admit({ id, size: 3, modifiedAt: 0, facts: undefined })
    await writeFile(scene.layout.fillRecord(imageId(2)), 'x')
    assert.deepEqual(await reconcile(scene), { admitted: 0, forgotten: 1, tidied: 1 })
    assert.equal(await scene.driver.get(id), undefined)
  })

  test('a link of an image’s name is none', async (t) => {
    const scene = await setUp(t)
    await writeFile(`${scene.layout.dir}/elsewhere`, 'x')
    await symlink(`${scene.layout.dir}/elsewhere`, scene.layout.committed(id))
    assert.deepEqual(await reconcile(scene), { admitted: 0, forgotten: 0, tidied: 0 })
    assert.equal(await scene.driver.get(id), undefined)
  })

  test('where the lock for space cannot be had that is reported, and the server starts', async (t) => {
    const scene = await setUp(t)
    await writeFile(scene.layout.committed(id), 'abc')
    await rm(scene.layout.spaceLock)
    await mkdir(scene.layout.spaceLock)
    assert.deepEqual(await reconcile(scene), { admitted: 0, forgotten: 0, tidied: 0 })
    assert.deepEqual(scene.events.seen, ['fault reconciling undefined'])
  })

  test('files that are no images are not touched', async (t) => {
    const scene = await setUp(t)
    await writeFile(`${scene.layout.dir}/ballast`, 'x')
    assert.deepEqual(await reconcile(scene), { admitted: 0, forgotten: 0, tidied: 0 })
    assert((await readdir(scene.layout.dir)).includes('ballast'))
  })

  test('rule 14: a stale listing does not undo a commit made since', async (t) => {
    const scene = await setUp(t)
    await scene.driver.admit({ id, size: 3, modifiedAt: 0, facts: undefined })
    // The listing says that the file is missing; the commit comes before the repair.
    const sizes = scene.driver.sizes.bind(scene.driver)
    scene.driver.sizes = async () => {
      const listed = await sizes()
      await writeFile(scene.layout.committed(id), 'abc')
      return listed
    }
    assert.deepEqual(await reconcile(scene), { admitted: 0, forgotten: 0, tidied: 0 })
    assert.equal((await scene.driver.get(id))?.size, 3)
  })

  test('rule 14: an entry that was made since the listing is not replaced', async (t) => {
    const scene = await setUp(t)
    await writeFile(scene.layout.committed(id), 'abc')
    const sizes = scene.driver.sizes.bind(scene.driver)
    scene.driver.sizes = async () => {
      const listed = await sizes()
      await scene.driver.admit({ id, size: 3, modifiedAt: 0, facts: undefined, hits: 5 })
      return listed
    }
    assert.deepEqual(await reconcile(scene), { admitted: 0, forgotten: 0, tidied: 0 })
    assert.equal((await scene.driver.get(id))?.hits, 5)
  })

  test('rule 14: a file that has gone since the listing is not admitted', async (t) => {
    const scene = await setUp(t)
    await writeFile(scene.layout.committed(id), 'abc')
    const sizes = scene.driver.sizes.bind(scene.driver)
    scene.driver.sizes = async () => {
      const listed = await sizes()
      await rm(scene.layout.committed(id))
      return listed
    }
    assert.deepEqual(await reconcile(scene), { admitted: 0, forgotten: 0, tidied: 0 })
    assert.equal(await scene.driver.get(id), undefined)
    assert.deepEqual(scene.events.seen, [])
  })

  test('a queue entry goes when its image is proven, and stays while it is not', async (t) => {
    const scene = await setUp(t)
    for (const number of [1, 2]) {
      await writeFile(scene.layout.committed(imageId(number)), 'abc')
      await writeFile(scene.layout.queued(imageId(number)), '')
    }
    const { ino, mtimeMs } = await stat(scene.layout.committed(id))
    const modifiedAt = Math.round(mtimeMs)
    const facts = {
      inode: ino,
      size: 3,
      modifiedAt,
      md5: 'x',
      hashAlgo: undefined,
      hashValue: undefined,
      verifiedAt: 1,
    }
    await scene.driver.admit({ id, size: 3, modifiedAt, facts })
    assert.deepEqual(await reconcile(scene), { admitted: 1, forgotten: 0, tidied: 1 })
    assert.deepEqual(await readdir(scene.layout.queueDir), [imageId(2)])
  })

  test('a fill that can be resumed is left in its place', async (t) => {
    const scene = await setUp(t)
    await scene.driver.admit({ id, size: 3, modifiedAt: 0, facts: undefined })
    await writeFile(scene.layout.incomplete(id), 'ab')
    assert.deepEqual(await reconcile(scene), { admitted: 0, forgotten: 1, tidied: 0 })
    assert.deepEqual(await readdir(scene.layout.incompleteDir), [id])
  })

  test('rule 14: what another process is filling is left to it', async (t) => {
    const scene = await setUp(t)
    await scene.driver.admit({ id, size: 3, modifiedAt: 0, facts: undefined })
    const owned = await scene.files.claim(id)
    assert.deepEqual(await reconcile(scene), { admitted: 0, forgotten: 0, tidied: 0 })
    assert.notEqual(await scene.driver.get(id), undefined)
    await owned?.handle.close()
  })
})
