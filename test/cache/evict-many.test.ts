import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { NotCacheable } from '../../src/cache/not-cached.ts'
import { Space } from '../../src/cache/space.ts'
import { cleanup } from '../support/cleanup.ts'
import { imageId } from '../support/image-id.ts'
import { type DriverName, drivers } from '../support/proxy.ts'
import { openStoreScene } from '../support/store-scene.ts'

/** Images of 10 bytes each, the lower their number the longer ago they were used. */
const many = 60
const size = 10
const nothing = async () => 'claimed'

/** A full directory with a hard limit, worked on by two processes' worth of Space. */
async function setUp(t: TestContext, driverName: DriverName) {
  const scene = await openStoreScene(t, driverName)
  const open = () => new Space({ ...scene, limit: 'hard', maxSize: many * size, minFreeSpace: 0 })
  for (let number = 1; number <= many; number++) await scene.add(number, size)
  return { ...scene, space: open(), other: open() }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => imageId(from + n))

for (const driver of drivers) {
  describe(`room for a large image among many small ones, ${driver}`, () => {
    test('so many go as are needed and no more, the least recently used ones', async (t) => {
      const { space, cached, events } = await setUp(t, driver)
      assert.equal(await space.reserve(imageId(99), 23 * size - 1, 0, nothing), 'claimed')
      assert.deepEqual(await cached(), numbers(24, many).sort())
      assert.deepEqual(
        events.seen,
        numbers(1, 23).map((id) => `evicted ${id} space`),
        'one after the other, as far as anybody is told',
      )
      assert.equal(await space.reserve(imageId(99), 23 * size, 0, nothing), 'claimed', 'there is room now')
      assert.equal((await cached()).length, many - 23)
    })

    test('those that are pinned or being read are passed over, and others go for them', async (t) => {
      const { space, cached, files, driver: store } = await setUp(t, driver)
      for (const number of [2, 20, 21]) await store.pin(imageId(number), true)
      for (const number of [1, 16, 17, 24]) {
        const read = await files.openCommitted(imageId(number))
        assert(read !== undefined)
        cleanup(t, () => read.handle.close())
      }
      assert.equal(await space.reserve(imageId(99), 20 * size, 0, nothing), 'claimed')
      const kept = [1, 2, 16, 17, 20, 21, 24].map(imageId)
      assert.deepEqual(await cached(), [...kept, ...numbers(28, many)].sort())
    })

    test('of two who want room at once each gets its own', async (t) => {
      const { space, other, cached, layout, driver: store } = await setUp(t, driver)
      // What the first has claimed is not told to the second here: both ask for the same room.
      await Promise.all([
        space.reserve(imageId(98), 20 * size, 0, nothing),
        other.reserve(imageId(99), 20 * size, 0, nothing),
      ])
      assert.deepEqual(await cached(), numbers(21, many).sort())
      assert.deepEqual(await store.totals(), { count: many - 20, size: (many - 20) * size })
      assert.equal((await store.sizes()).size, many - 20, layout.dir)
    })

    test('one used in the meantime is the last to go', async (t) => {
      const { space, cached, driver: store } = await setUp(t, driver)
      await space.reserve(imageId(99), size, 0, nothing)
      await store.touch(imageId(3), Date.now())
      await space.reserve(imageId(99), 4 * size, 0, nothing)
      assert.deepEqual(await cached(), [imageId(3), ...numbers(6, many)].sort())
      await space.reserve(imageId(99), (many - 1) * size, 0, nothing)
      assert.deepEqual(await cached(), [imageId(3)])
    })

    test('a fill that is committed while all is summed up is never left out', async (t) => {
      const { add, space, cached, driver: store } = await setUp(t, driver)
      await space.reserve(imageId(61), 20 * size, 0, nothing)
      space.hold(imageId(61), { size: 20 * size, written: () => 0 })
      const totals = store.totals.bind(store)
      store.totals = async () => {
        const before = await totals()
        store.totals = totals
        await add(61, 20 * size)
        space.release(imageId(61))
        return before
      }
      await space.reserve(imageId(99), 20 * size, 0, nothing)
      assert((await totals()).size + 20 * size <= many * size, `${(await cached()).length} images stayed`)
    })

    test('an image that cannot be removed ends it, when all others that were begun have ended', async (t) => {
      const { space, events, driver: store, cached } = await setUp(t, driver)
      const forget = store.forget.bind(store)
      store.forget = async (id) => {
        if (id === imageId(5)) throw new Error('no')
        await forget(id)
      }
      await assert.rejects(space.reserve(imageId(99), 16 * size, 0, nothing), /^Error: no$/)
      const left = await cached()
      assert(left.includes(imageId(5)))
      assert.equal(events.seen.length, many - left.length, 'everything that went was told')
      assert.deepEqual(await store.totals(), { count: left.length, size: left.length * size })
      await assert.rejects(
        space.reserve(imageId(99), many * size + 1, 0, nothing),
        (error) => error instanceof NotCacheable && error.reason === 'too-large',
      )
    })
  })
}
