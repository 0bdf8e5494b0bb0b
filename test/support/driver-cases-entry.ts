import assert from 'node:assert/strict'
import type { Case } from './driver-conformance.ts'
import { commitImage, evictImage, fillImage, listed, longAgo, place } from './driver-scene.ts'

/** One image: admitted, asked for, replaced, forgotten. */
export function entryCases(it: Case): void {
  it('an unknown id is absent everywhere', async ({ driver }) => {
    assert.equal(await driver.get('nope'), undefined)
    assert.equal(await driver.factsOf('nope'), undefined)
    assert.equal(await driver.pin('nope', true), false)
    await driver.touch('nope', Date.now())
    await driver.forget('nope')
    assert.deepEqual(await listed(driver), [])
    assert.deepEqual(await driver.totals(), { count: 0, size: 0 })
  })

  it('what was admitted is known', async (scene) => {
    const entry = await commitImage(scene, 'image', { hits: 7, accessedAt: longAgo + 1234, pinned: true })
    assert.deepEqual(await scene.driver.get('image'), entry)
    assert.deepEqual(await scene.driver.factsOf('image'), entry.facts)
  })

  it('a new entry has no hits, was accessed now and is not pinned', async ({ driver, dir }) => {
    const { facts } = await fillImage(dir, 'image')
    await place(dir, 'image')
    const before = Date.now()
    await driver.admit({ id: 'image', size: facts.size, modifiedAt: facts.modifiedAt, facts })
    const { accessedAt = 0, ...entry } = (await driver.get('image')) ?? {}
    assert.deepEqual(entry, { id: 'image', size: 1000, hits: 0, modifiedAt: longAgo, pinned: false, facts })
    assert.ok(before <= accessedAt && accessedAt <= Date.now(), `accessed at ${accessedAt}`)
  })

  it('admitting again replaces the whole entry', async (scene) => {
    await commitImage(scene, 'image', { size: 5000, hits: 7, accessedAt: longAgo + 99_000, pinned: true })
    const again = await commitImage(scene, 'image', { size: 300, modifiedAt: longAgo + 2000 })
    assert.deepEqual(await scene.driver.get('image'), again)
    assert.deepEqual(await scene.driver.totals(), { count: 1, size: 300 })
  })

  it('an image that was not verified has no facts, and replacing takes old ones away', async (scene) => {
    await commitImage(scene, 'image')
    await commitImage(scene, 'image', { facts: undefined })
    assert.equal((await scene.driver.get('image'))?.facts, undefined)
    assert.equal(await scene.driver.factsOf('image'), undefined)
  })

  it('facts without declared digests are kept as they are', async (scene) => {
    const { facts } = await fillImage(scene.dir, 'image')
    const bare = { ...facts, md5: undefined, hashAlgo: undefined, hashValue: undefined }
    await commitImage(scene, 'image', { facts: bare })
    assert.deepEqual(await scene.driver.factsOf('image'), bare)
  })

  it('preparing makes no entry', async ({ driver, dir }) => {
    const { path, facts } = await fillImage(dir, 'image')
    await driver.prepare('image', path, facts)
    assert.equal(await driver.get('image'), undefined)
    assert.deepEqual(await listed(driver), [])
    assert.deepEqual(await driver.totals(), { count: 0, size: 0 })
  })

  it('facts prepared last are found for a file that was never admitted', async ({ driver, dir }) => {
    const { path, facts } = await fillImage(dir, 'image')
    await driver.prepare('image', path, { ...facts, verifiedAt: 1 })
    await driver.prepare('image', path, facts)
    await place(dir, 'image')
    assert.deepEqual(await driver.factsOf('image'), facts)
  })

  it('forgetting takes entry, facts and pin away', async (scene) => {
    await commitImage(scene, 'image', { pinned: true, hits: 3 })
    await evictImage(scene, 'image')
    assert.equal(await scene.driver.get('image'), undefined)
    assert.equal(await scene.driver.factsOf('image'), undefined)
    assert.equal(await scene.driver.pin('image', true), false)
    assert.deepEqual(await scene.driver.totals(), { count: 0, size: 0 })
    const again = await commitImage(scene, 'image')
    assert.deepEqual(await scene.driver.get('image'), again)
  })

  it('forgetting takes prepared facts away', async ({ driver, dir }) => {
    const { path, facts } = await fillImage(dir, 'image')
    await driver.prepare('image', path, facts)
    await driver.forget('image')
    assert.equal(await driver.factsOf('image'), undefined)
  })

  it('sizes beyond 32 bits are exact, and so is their sum', async (scene) => {
    await commitImage(scene, 'a', { size: 2 ** 32 + 1 })
    await commitImage(scene, 'b', { size: 2 ** 40 + 3 })
    assert.equal((await scene.driver.get('a'))?.size, 2 ** 32 + 1)
    assert.equal((await scene.driver.get('b'))?.facts?.size, 2 ** 40 + 3)
    assert.deepEqual(await scene.driver.totals(), { count: 2, size: 2 ** 32 + 2 ** 40 + 4 })
  })

  it('ids of every printable character and of 255 bytes are ids like any other', async (scene) => {
    const printable = Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n)).filter((c) => c !== '/')
    const ids = [`x${printable.join('')}`, 'i'.repeat(255), `ü${'é'.repeat(126)}z`]
    for (const id of ids) {
      const entry = await commitImage(scene, id)
      await scene.driver.touch(id, longAgo)
      assert.deepEqual(await scene.driver.get(id), { ...entry, hits: 1 })
    }
    assert.deepEqual((await listed(scene.driver)).sort(), ids.toSorted())
  })
}
