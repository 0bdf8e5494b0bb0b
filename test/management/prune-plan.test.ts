import assert from 'node:assert/strict'
import { readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { readLockTable } from '../../src/cache/lock-table.ts'
import { planPrune } from '../../src/management/plan-prune.ts'
import { prune } from '../../src/management/prune.ts'
import { longAgo } from '../support/driver-scene.ts'
import { imageId } from '../support/image-id.ts'
import { drivers } from '../support/proxy.ts'
import { openStoreScene } from '../support/store-scene.ts'

type Scene = Awaited<ReturnType<typeof openStoreScene>>

/** `rank number reason`, and `read` for what is being read. */
async function plan(scene: Scene, maxSize: number): Promise<string[]> {
  const verdicts: string[] = []
  for await (const { rank, entry, inUse, prune, reason } of planPrune({ ...scene, maxSize })) {
    assert.equal(prune, reason === 'least-recently-used')
    verdicts.push(`${rank} ${Number(entry.id.slice(-12))} ${reason}${inUse ? ' read' : ''}`)
  }
  return verdicts
}

for (const driver of drivers) {
  describe(`what a prune would do, ${driver}`, () => {
    test('says for each image whether it would go and why, and the prune then does it', async (t) => {
      const scene = await openStoreScene(t, driver)
      for (const number of [3, 1, 5, 4, 2, 6]) await scene.add(number, 1000, { pinned: number === 2 })
      const reader = await scene.files.openCommitted(imageId(3))
      assert.deepEqual(await plan(scene, 4000), [
        '1 1 least-recently-used',
        '2 2 pinned',
        '3 3 in-use read',
        '4 4 least-recently-used',
        '5 5 fits',
        '6 6 fits',
      ])
      assert.equal((await scene.cached()).length, 6)
      assert.deepEqual(await prune({ ...scene, maxSize: 4000 }), { files: 2, bytes: 2000 })
      assert.deepEqual(await scene.cached(), [2, 3, 5, 6].map(imageId))
      assert.deepEqual(await plan(scene, 4000), ['1 2 fits', '2 3 fits read', '3 5 fits', '4 6 fits'])
      await reader?.handle.close()
    })

    test('an empty cache, and more images than are looked at together', async (t) => {
      const scene = await openStoreScene(t, driver)
      assert.deepEqual(await plan(scene, 0), [])
      for (let number = 1; number <= 250; number++) await scene.add(number, 1000)
      const verdicts = await plan(scene, 100_000)
      assert.equal(verdicts.length, 250)
      assert.deepEqual(verdicts.slice(149, 151), ['150 150 least-recently-used', '151 151 fits'])
    })

    test('neither the times of the files nor the hits change, nor what is known', async (t) => {
      const scene = await openStoreScene(t, driver)
      const id = await scene.add(1, 1000, { hits: 7 })
      await utimes(scene.layout.committed(id), longAgo / 1000, longAgo / 1000)
      const [file, known] = [await stat(scene.layout.committed(id)), await scene.driver.get(id)]
      await plan(scene, 0)
      const { atimeMs, mtimeMs, ctimeMs } = await stat(scene.layout.committed(id))
      assert.deepEqual([atimeMs, mtimeMs, ctimeMs], [file.atimeMs, file.mtimeMs, file.ctimeMs])
      assert.deepEqual(await scene.driver.get(id), known)
    })
  })
}

test('orphans: a file without an entry is the most recent, an entry without a file does not count', async (t) => {
  const scene = await openStoreScene(t, 'sqlite')
  for (const number of [1, 2]) await scene.add(number, 1000)
  await rm(scene.layout.committed(imageId(1)))
  await writeFile(scene.layout.committed(imageId(9)), Buffer.alloc(1000))
  assert.deepEqual(await plan(scene, 1000), ['1 2 least-recently-used', '2 9 fits'])
  assert.equal((await scene.driver.totals()).count, 2, 'nothing was put right')
  assert.deepEqual(await prune({ ...scene, maxSize: 1000 }), { files: 1, bytes: 1000 })
  assert.deepEqual(await scene.cached(), [imageId(9)])
})

describe('the table of locks', () => {
  test('tells a locked file from the others', async (t) => {
    const { files, layout, space, add } = await openStoreScene(t, 'sqlite')
    const [read, other] = [await add(1, 1000), await add(2, 1000)]
    const reader = await files.openCommitted(read)
    const owned = await files.claim(imageId(3))
    const table = await readLockTable(layout, space)
    assert(table !== undefined, '/proc/locks shows our locks')
    assert.equal(await table.isLocked(layout.committed(read)), true)
    assert.equal(await table.isLocked(layout.committed(other)), false)
    assert.equal(await table.isLocked(layout.incomplete(imageId(3))), true)
    assert.equal(await table.isLocked(layout.committed(imageId(4))), false)
    assert.equal(await table.isLocked(layout.spaceLock), false)
    await reader?.handle.close()
    await owned?.handle.close()
  })

  test('is none where it is hidden, and where it does not show our locks; then the files are asked', async (t) => {
    const { files, layout, space, add } = await openStoreScene(t, 'sqlite')
    const id = await add(1, 1000)
    assert.equal(await readLockTable(layout, space, `${layout.dir}/nothing`), undefined)
    await writeFile(`${layout.dir}/foreign`, '1: OFDLCK ADVISORY  READ -1 fe:00:1 0 EOF\n')
    assert.equal(await readLockTable(layout, space, `${layout.dir}/foreign`), undefined)
    assert.equal(await files.isInUse(id), false)
    const reader = await files.openCommitted(id)
    assert.equal(await files.isInUse(id), true)
    await reader?.handle.close()
    assert.equal(await files.isInUse(imageId(2)), false)
    assert(!(await readdir(layout.dir)).includes(imageId(2)))
  })

  test('a reader that comes while a file is asked waits it out', async (t) => {
    const { files, add } = await openStoreScene(t, 'sqlite')
    const id = await add(1, 1000)
    for (let round = 0; round < 300; round++) {
      const [, committed] = await Promise.all([files.isInUse(id), files.openCommitted(id)])
      assert(committed !== undefined, 'no miss')
      await committed.handle.close()
    }
  })
})
