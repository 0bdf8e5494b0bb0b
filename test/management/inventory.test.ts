import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { cachedImages, imageState, incompleteImages } from '../../src/management/inventory.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { idsOf } from '../support/driver-scene.ts'
import { imageId } from '../support/image-id.ts'
import { drivers } from '../support/proxy.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { nobody } from '../support/upstream-glance.ts'
import { openVerifier } from '../support/verifier.ts'

const [a, b, c, d] = [imageId(1), imageId(2), imageId(3), imageId(4)]
const bytes = patternBytes(1_000_000)

for (const driver of drivers) {
  describe(`what is in the directory, ${driver}`, { concurrency: 2 }, () => {
    test('images are listed by id, and what an operator removed by hand or put there is not', async (t) => {
      const scene = await openVerifier(t, driver)
      for (const id of [c, a, b]) {
        scene.upstream.addImage({ id, bytes })
        await scene.cached(id)
      }
      await writeFile(scene.path('a-note'), 'not an image')
      assert.deepEqual(await idsOf(cachedImages(scene)), [a, b, c])
      await rm(scene.path(b))
      assert.deepEqual(await idsOf(cachedImages(scene)), [a, c])
      assert.deepEqual(await scene.names(''), [a, c])
      assert.equal((await imageState(scene, b)).cached, undefined)
      assert.deepEqual((await imageState(scene, a)).cached, await scene.driver.get(a))
    })

    test('more than one page', async (t) => {
      const scene = await openVerifier(t, driver)
      const ids = Array.from({ length: 250 }, (_, n) => imageId(n + 1))
      for (const id of ids) {
        await writeFile(scene.path(id), 'x')
        await scene.driver.admit({ id, size: 1, modifiedAt: 0, facts: undefined })
      }
      for (const n of [0, 99, 100, 249]) await rm(scene.path(ids[n] ?? ''))
      const left = ids.filter((_, n) => ![0, 99, 100, 249].includes(n))
      assert.deepEqual(await idsOf(cachedImages(scene)), left)
    })

    test('where one image stands: arriving, left over, queued, set aside, nowhere', async (t) => {
      const scene = await openVerifier(t, driver)
      const { upstream, cache, layout, queue } = scene
      const nowhere = { cached: undefined, incomplete: undefined, queued: undefined, invalid: undefined }
      assert.deepEqual(await imageState(scene, a), { id: a, ...nowhere })

      upstream.addImage({ id: a, bytes })
      const stall = upstream.nextFile(a, { stallAt: 500_000 })
      const ending = new AbortController()
      const fetching = cache.fetch(a, nobody, { signal: ending.signal })
      await deadline(stall.reached, 'half of it has been sent')
      await eventually(() => cache.fills()[0]?.received === 500_000, 'and has arrived')
      const arriving = (await imageState(scene, a)).incomplete
      assert(arriving !== undefined)
      const { owner, size, received, resumes } = arriving
      assert.deepEqual([owner, size, received, resumes], ['here', bytes.length, 500_000, 0])
      assert.deepEqual(
        (await incompleteImages(scene)).map(({ id, owner }) => [id, owner]),
        [[a, 'here']],
      )

      const elsewhere = await openVerifier(t, driver, { upstream, dir: scene.dir })
      const seen = (await imageState(elsewhere, a)).incomplete
      assert.deepEqual([seen?.owner, seen?.size, seen?.startedAt], ['elsewhere', bytes.length, undefined])
      ending.abort()
      await deadline(fetching, 'the fetch ends')
      const left = (await imageState(elsewhere, a)).incomplete
      assert.deepEqual([left?.owner, left?.size], ['left', bytes.length])

      await queue.add(b)
      assert.equal((await imageState(scene, b)).queued?.id, b)
      await writeFile(layout.invalid(c), 'wrong')
      assert.deepEqual(await imageState(scene, c), { id: c, ...nowhere, invalid: 5 })
      assert.deepEqual(await imageState(scene, d), { id: d, ...nowhere })
    })
  })
}
