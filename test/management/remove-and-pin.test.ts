import assert from 'node:assert/strict'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { openManagement } from '../../src/management/open-management.ts'
import { deadline } from '../support/deadline.ts'
import { idsOf } from '../support/driver-scene.ts'
import { imageId } from '../support/image-id.ts'
import { openPrefetcher } from '../support/prefetcher.ts'
import { type DriverName, drivers } from '../support/proxy.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { nobody } from '../support/upstream-glance.ts'
import { openVerifier } from '../support/verifier.ts'

const [a, b] = [imageId(1), imageId(2)]
const bytes = patternBytes(100_000)

/** What is managed without a server. */
async function manage(t: TestContext, name: DriverName) {
  const scene = await openVerifier(t, name)
  const { prefetcher } = await openPrefetcher(t, { driver: name, upstream: scene.upstream, dir: scene.dir })
  for (const id of [a, b]) scene.upstream.addImage({ id, bytes })
  const { space } = scene.cache
  const evict = space.evict.bind(space)
  return {
    ...scene,
    management: openManagement({ ...scene, space, prefetcher, maxSize: 0, stallMs: 0 }),
    /** Does this when an image that is to go has been looked for, before anything else is done about it. */
    meanwhile(act: () => Promise<unknown>) {
      space.evict = async (...given) => {
        const gone = await evict(...given)
        await act()
        return gone
      }
    },
  }
}

for (const driver of drivers) {
  describe(`removing and pinning, ${driver}`, () => {
    test('what is committed while its removal looks for it stays known', async (t) => {
      const scene = await manage(t, driver)
      scene.meanwhile(() => scene.cached(a))
      assert.equal(await scene.management.remove(a), false)
      assert.notEqual((await scene.driver.get(a))?.facts, undefined)
      const hit = await scene.cache.open(a)
      hit?.close()
      assert(hit !== undefined, 'and is served without another proof')
    })

    test('a pin that comes at the end of a commit stays', async (t) => {
      const { management, cache, driver: store } = await manage(t, driver)
      const committing = Promise.withResolvers<void>()
      const pinned = Promise.withResolvers<void>()
      const admit = store.admit.bind(store)
      store.admit = async (entry) => {
        committing.resolve()
        await pinned.promise
        await admit(entry)
      }
      const fetching = cache.fetch(a, nobody)
      await deadline(committing.promise, 'the file is in its place')
      const pinning = management.pin(a, true)
      // Long enough for a pin that does not wait.
      for (let look = 0; look < 5; look++) await management.show(a)
      pinned.resolve()
      assert.equal((await deadline(fetching, 'the fetch ends')).kind, 'committed')
      assert.equal(await deadline(pinning, 'the pin'), true)
      assert.equal((await store.get(a))?.pinned, true)
    })

    test('a link or a directory of an image’s name is no image, and is in nobody’s way', async (t) => {
      const { management, cached, path, dir } = await manage(t, driver)
      await cached(b)
      await writeFile(join(dir, 'elsewhere'), 'not an image')
      await symlink(join(dir, 'elsewhere'), path(a))
      await mkdir(path(imageId(3)))
      assert.deepEqual(await management.clean(), { invalid: 0, stalled: 0, orphans: 0, bytes: 0 })
      assert.deepEqual(await idsOf(management.cached()), [b])
      for (const id of [a, imageId(3)]) assert.equal(await management.remove(id), false)
      assert.deepEqual(await management.prune(), { files: 1, bytes: bytes.length })
      await cached(b)
      assert.equal(await management.removeAll(), 1)
      assert.equal((await management.show(a)).cached, undefined)
    })
  })
}

test('what an operator removed by hand is forgotten', async (t) => {
  const { management, driver, path, cached } = await manage(t, 'sqlite')
  await cached(a)
  await rm(path(a))
  assert.equal(await management.remove(a), true)
  assert.equal(await driver.get(a), undefined)
  assert.equal(await management.remove(a), false)
})
