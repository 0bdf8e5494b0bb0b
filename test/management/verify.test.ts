import assert from 'node:assert/strict'
import { stat, truncate } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { imageId } from '../support/image-id.ts'
import { drivers } from '../support/proxy.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { openVerifier, rot } from '../support/verifier.ts'

const id = imageId(1)
const bytes = patternBytes(3_000_000)
const counted = (outcome: string) => `afterimage_verifications_total{outcome="${outcome}"}`

for (const driver of drivers) {
  describe(`verifying a cached image, ${driver}`, { concurrency: 2 }, () => {
    test('intact: only the time of its proof changes', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      const before = await scene.cached(id)
      await scene.driver.pin(id, true)
      const file = await stat(scene.path(id))
      assert.deepEqual(await scene.verify(id), { id, outcome: 'intact', detail: undefined })
      const after = await scene.driver.get(id)
      assert(before.facts !== undefined && after?.facts !== undefined)
      assert(after.facts.verifiedAt > before.facts.verifiedAt)
      const facts = { ...before.facts, verifiedAt: after.facts.verifiedAt }
      assert.deepEqual(after, { ...before, pinned: true, facts })
      assert.deepEqual((await stat(scene.path(id))).mtimeMs, file.mtimeMs)
      assert.equal(scene.upstream.downloads(id).length, 1)
      assert.equal(await scene.metric(counted('intact')), 1)
    })

    test('an image that is not cached cannot be verified', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      assert.equal(await scene.verify(id), undefined)
      assert.deepEqual(scene.upstream.requests, [])
    })

    test('wrong bytes are set aside and the image is fetched anew, with its hits and its pin', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      const before = await scene.cached(id)
      await scene.driver.pin(id, true)
      const wrong = await rot(scene.path(id))
      const verified = await scene.verify(id)
      assert.equal(verified?.outcome, 'repaired')
      assert.match(verified.detail ?? '', /^the bytes have digest [0-9a-f]{128}, declared is [0-9a-f]{128}$/)
      const { hits, accessedAt } = before
      // Before our own reading moves the access time, which the xattr driver goes by.
      const after = await scene.driver.get(id)
      assert.deepEqual({ ...after, facts: 0 }, { ...after, hits, accessedAt, pinned: true, facts: 0 })
      assert((await scene.bytesOf('', id)).equals(bytes))
      assert((await scene.bytesOf('invalid', id)).equals(wrong))
      assert.equal(await scene.metric(counted('repaired')), 1)
      assert.equal(await scene.metric('afterimage_evictions_total{cause="unverified"}'), 1)
      assert.deepEqual(await scene.names('incomplete'), [])
      assert.equal((await scene.verify(id))?.outcome, 'intact')
    })

    test('a file that has lost its end is wrong, whatever it contains', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      await scene.cached(id)
      await truncate(scene.path(id), 1_000_000)
      const verified = await scene.verify(id)
      const detail = 'the file has 1000000 bytes, the store declares 3000000'
      assert.deepEqual(verified, { id, outcome: 'repaired', detail })
      assert((await scene.bytesOf('', id)).equals(bytes))
    })

    test('a store that cannot be asked: what it declared before counts', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      await scene.cached(id)
      scene.upstream.access.know('nobody has this token')
      assert.equal((await scene.verify(id))?.outcome, 'intact')
      await rot(scene.path(id))
      const verified = await scene.verify(id)
      assert.equal(verified?.outcome, 'damaged')
      assert.match(verified.detail ?? '', /; not fetched again: the store answers 401$/)
      assert.deepEqual([await scene.names(''), await scene.names('invalid')], [[], [id]])
      assert.equal(await scene.driver.get(id), undefined)
    })

    test('wrong bytes that cannot be fetched again are left to the prefetcher', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      await scene.cached(id)
      await rot(scene.path(id))
      scene.upstream.addImage({ id, bytes, status: 'saving' })
      scene.upstream.everyFile(id, { status: 503 })
      assert.equal((await scene.verify(id))?.outcome, 'damaged')
      assert.deepEqual(await scene.names('queue'), [id])
    })

    test('without credentials of its own wrong bytes go, and the next client brings hits and pin back', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      const { hits } = await scene.cached(id)
      await scene.driver.pin(id, true)
      scene.own.caller = undefined
      assert.equal((await scene.verify(id))?.outcome, 'intact')
      await rot(scene.path(id))
      const verified = await scene.verify(id)
      assert.equal(verified?.outcome, 'damaged')
      assert.match(verified.detail ?? '', /; not fetched again: the cache has no credentials of its own$/)
      assert.equal(await scene.driver.get(id), undefined)
      await scene.cached(id)
      const after = await scene.driver.get(id)
      assert.deepEqual([after?.hits, after?.pinned], [hits + 2, true])
    })

    test('outdated: the store has other bytes under the id', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      await scene.cached(id)
      scene.upstream.replaceImage({ id, bytes: patternBytes(3_000_000, 2) })
      const detail = 'the store holds other bytes under this id now'
      assert.deepEqual(await scene.verify(id), { id, outcome: 'outdated', detail })
      assert.deepEqual([await scene.names(''), await scene.names('invalid')], [[], []])
      assert.equal(await scene.metric('afterimage_evictions_total{cause="changed"}'), 1)
    })

    test('gone: the store has no such image', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      await scene.cached(id)
      scene.upstream.removeImage(id)
      assert.equal((await scene.verify(id))?.outcome, 'gone')
      assert.deepEqual(await scene.names(''), [])
      assert.equal(await scene.driver.get(id), undefined)
    })

    test('undeclared: there is no digest to compare with', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes, omit: ['md5', 'hash'] })
      const before = await scene.cached(id)
      assert.equal((await scene.verify(id))?.outcome, 'undeclared')
      assert.deepEqual(await scene.driver.get(id), before)
    })

    test('a digest that is declared only now counts', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes, omit: ['md5', 'hash'] })
      await scene.cached(id)
      scene.upstream.addImage({ id, bytes, omit: ['hash'] })
      assert.equal((await scene.verify(id))?.outcome, 'intact')
      await rot(scene.path(id))
      assert.equal((await scene.verify(id))?.outcome, 'repaired')
    })
  })
}
