import assert from 'node:assert/strict'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { describe, type TestContext, test } from 'node:test'
import type { Driver, Facts } from '../../drivers/driver.ts'
import { openFiles } from '../../src/cache/files.ts'
import { openLayout } from '../../src/cache/layout.ts'
import { reconcile } from '../../src/cache/reconcile.ts'
import { imageId } from '../support/image-id.ts'
import { openMemoryDriver } from '../support/memory-driver.ts'
import { recordEvents } from '../support/record-events.ts'
import { tempDir } from '../support/temp-dir.ts'

const id = imageId(1)

async function setUp(t: TestContext) {
  const layout = await openLayout(await tempDir(t))
  const driver = await openMemoryDriver()
  return { layout, files: openFiles(layout), driver, events: recordEvents() }
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

  test('a file whose facts are of another one is counted, but not trusted', async (t) => {
    const scene = await setUp(t)
    await writeFile(scene.layout.committed(id), 'abc')
    const facts = {
      inode: 1,
      size: 3,
      modifiedAt: 0,
      md5: 'x',
      hashAlgo: undefined,
      hashValue: undefined,
      verifiedAt: 1,
    }
    await scene.driver.prepare(id, scene.layout.committed(id), facts)
    await reconcile(scene)
    const entry = await scene.driver.get(id)
    assert.equal(entry?.size, 3)
    assert.equal(entry.facts, undefined)
  })

  test('an entry without a file is forgotten; records and queue entries of nothing are dropped', async (t) => {
    const scene = await setUp(t)
    await scene.driver.admit({ id, size: 3, modifiedAt: 0, facts: undefined })
    await writeFile(scene.layout.fillRecord(imageId(2)), 'x')
    assert.deepEqual(await reconcile(scene), { admitted: 0, forgotten: 1, tidied: 1 })
    assert.equal(await scene.driver.get(id), undefined)
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
    const driver: Driver = Object.assign(Object.create(scene.driver), {
      async *list() {
        yield* scene.driver.list()
        await writeFile(scene.layout.committed(id), 'abc')
      },
    })
    assert.deepEqual(await reconcile({ ...scene, driver }), { admitted: 0, forgotten: 0, tidied: 0 })
    assert.equal((await scene.driver.get(id))?.size, 3)
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
