import assert from 'node:assert/strict'
import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { Driver } from '../../drivers/driver.ts'
import { Space } from '../../src/cache/space.ts'
import { prune } from '../../src/management/prune.ts'
import { longAgo } from '../support/driver-scene.ts'
import { imageId } from '../support/image-id.ts'
import { type DriverName, drivers } from '../support/proxy.ts'
import { openStoreScene } from '../support/store-scene.ts'

async function setUp(t: TestContext, driver: DriverName) {
  const scene = await openStoreScene(t, driver)
  return { ...scene, prune: (maxSize: number) => prune({ ...scene, maxSize }) }
}

/** Does something once, when the list from which images are taken has been read. */
function afterListing({ driver }: Readonly<{ driver: Driver }>, work: () => Promise<unknown>): void {
  const list = driver.list.bind(driver)
  let isDue = true
  driver.list = async function* (signal) {
    for await (const entry of list(signal)) {
      if (isDue) await work()
      isDue = false
      yield entry
    }
  }
}

for (const driver of drivers) {
  describe(`prune, ${driver}`, () => {
    test('an empty cache', async (t) => {
      const { prune } = await setUp(t, driver)
      assert.deepEqual(await prune(0), { files: 0, bytes: 0 })
    })

    test('the least recently used go, until the rest fits', async (t) => {
      const { add, prune, cached, events } = await setUp(t, driver)
      // Written in another order than they were used in.
      for (const number of [3, 1, 4, 2]) await add(number, 1000)
      assert.deepEqual(await prune(2500), { files: 2, bytes: 2000 })
      assert.deepEqual(await cached(), [3, 4].map(imageId))
      assert.deepEqual(events.seen, [`evicted ${imageId(1)} space`, `evicted ${imageId(2)} space`])
    })

    test('exactly at the limit nothing goes; one byte below it one image goes', async (t) => {
      const { add, prune, driver: store } = await setUp(t, driver)
      for (const number of [1, 2, 3]) await add(number, 1000)
      assert.deepEqual(await prune(3000), { files: 0, bytes: 0 })
      assert.deepEqual(await prune(10_000), { files: 0, bytes: 0 })
      assert.deepEqual(await store.totals(), { count: 3, size: 3000 })
      assert.deepEqual(await prune(2999), { files: 1, bytes: 1000 })
      assert.deepEqual(await store.totals(), { count: 2, size: 2000 })
    })

    test('a limit of 0 empties the cache, and leaves what is none of its images', async (t) => {
      const { layout, add, prune, cached } = await setUp(t, driver)
      const others = ['checkme', 'ballast', 'cache.db', 'glance-cache-prune'].map((name) => join(layout.dir, name))
      const mine = others.filter((path) => driver === 'xattr' || !path.endsWith('cache.db'))
      for (const path of mine) await writeFile(path, 'XXX')
      await writeFile(layout.invalid(imageId(8)), 'x')
      await writeFile(layout.incomplete(imageId(9)), 'x')
      for (const number of [1, 2, 3]) await add(number, 1000)
      assert.deepEqual(await prune(0), { files: 3, bytes: 3000 })
      assert.deepEqual(await cached(), [])
      for (const path of [...mine, layout.invalid(imageId(8)), layout.incomplete(imageId(9))]) await stat(path)
    })

    test("Glance's test_cache_prune: fifteen images of 10 KiB and a limit of 100 KiB", async (t) => {
      const { add, prune, cached } = await setUp(t, driver)
      for (let number = 1; number <= 15; number++) await add(number, 10 << 10)
      assert.deepEqual(await prune(100 << 10), { files: 5, bytes: 5 * (10 << 10) })
      assert.deepEqual(await cached(), [6, 7, 8, 9, 10, 11, 12, 13, 14, 15].map(imageId))
    })

    test("Glance's test_prune: ten images that were read, then one that never was, and a limit of 5 KiB", async (t) => {
      const { add, prune, cached, driver: store } = await setUp(t, driver)
      for (let number = 0; number < 10; number++) await add(number, 1024)
      for (let number = 0; number < 10; number++)
        await store.touch(imageId(number), longAgo + 3_600_000 + number * 1000)
      await add(99, 1024, { accessedAt: longAgo + 7_200_000 })
      assert.deepEqual(await prune(5 << 10), { files: 6, bytes: 6 << 10 })
      assert.deepEqual(await cached(), [6, 7, 8, 9, 99].map(imageId))
    })

    test('pinned images stay, and the next ones go for them', async (t) => {
      const { add, prune, cached } = await setUp(t, driver)
      await add(1, 1000, { pinned: true })
      await add(2, 1000)
      await add(3, 1000)
      assert.deepEqual(await prune(2000), { files: 1, bytes: 1000 })
      assert.deepEqual(await cached(), [1, 3].map(imageId))
      assert.deepEqual(await prune(0), { files: 1, bytes: 1000 })
      assert.deepEqual(await cached(), [imageId(1)])
    })

    test('an image that is pinned after it was listed stays', async (t) => {
      const scene = await openStoreScene(t, driver)
      await scene.add(1, 1000)
      await scene.add(2, 1000)
      afterListing(scene, () => scene.driver.pin(imageId(1), true))
      assert.deepEqual(await prune({ ...scene, maxSize: 1000 }), { files: 1, bytes: 1000 })
      assert.deepEqual(await scene.cached(), [imageId(1)])
    })

    test('an image that is used after it was listed goes only when nothing else is left', async (t) => {
      for (const [maxSize, left] of [
        [1000, [imageId(1)]],
        [0, []],
      ] as const) {
        const scene = await openStoreScene(t, driver)
        await scene.add(1, 1000)
        await scene.add(2, 1000)
        afterListing(scene, () => scene.driver.touch(imageId(1), Date.now()))
        await prune({ ...scene, maxSize })
        assert.deepEqual(await scene.cached(), left)
      }
    })

    test('an image that is being read stays', async (t) => {
      const { add, files, prune, cached } = await setUp(t, driver)
      const reader = await files.openCommitted(await add(1, 1000))
      await add(2, 1000)
      assert.deepEqual(await prune(0), { files: 1, bytes: 1000 })
      assert.deepEqual(await cached(), [imageId(1)])
      await reader?.handle.close()
      assert.deepEqual(await prune(0), { files: 1, bytes: 1000 })
    })

    test('what an operator removed by hand does not count, and makes nobody go', async (t) => {
      const { layout, add, prune, cached, driver: store } = await setUp(t, driver)
      for (const number of [1, 2, 3]) await add(number, 1000)
      await rm(layout.committed(imageId(3)))
      assert.deepEqual(await prune(2000), { files: 0, bytes: 0 })
      assert.deepEqual(await cached(), [1, 2].map(imageId))
      assert.deepEqual(await store.totals(), { count: 2, size: 2000 })
    })

    test('two prunes at once remove no more than needed', async (t) => {
      const one = await openStoreScene(t, driver)
      const two = await openStoreScene(t, driver, one.layout.dir)
      for (let number = 1; number <= 40; number++) await one.add(number, 1000)
      const both = await Promise.all([prune({ ...one, maxSize: 10_000 }), prune({ ...two, maxSize: 10_000 })])
      assert.equal(both[0].files + both[1].files, 30)
      assert.deepEqual(
        await one.cached(),
        Array.from({ length: 10 }, (_, index) => imageId(index + 31)),
      )
    })

    test('an aborted prune says what it has done', async (t) => {
      const scene = await openStoreScene(t, driver)
      for (const number of [1, 2, 3]) await scene.add(number, 1000)
      const ending = new AbortController()
      const evicted = scene.events.evicted
      const events = {
        ...scene.events,
        evicted: (...args: Parameters<typeof evicted>) => ending.abort(evicted(...args)),
      }
      const space = new Space({ ...scene, events, limit: 'soft', maxSize: 0, minFreeSpace: 0 })
      assert.deepEqual(await prune({ ...scene, space, maxSize: 0 }, ending.signal), { files: 1, bytes: 1000 })
      assert.equal((await scene.cached()).length, 2)
    })
  })
}
