import assert from 'node:assert/strict'
import type { Case } from './driver-conformance.ts'
import { commitImage, evictImage, listed, longAgo } from './driver-scene.ts'

/** Hits and pins. */
export function touchCases(it: Case): void {
  it('a touch counts one hit and sets the access time only', async (scene) => {
    const entry = await commitImage(scene, 'image')
    const at = Date.now()
    await scene.driver.touch('image', at)
    assert.deepEqual(await scene.driver.get('image'), { ...entry, hits: 1, accessedAt: at })
  })

  it('several hits at once', async (scene) => {
    const entry = await commitImage(scene, 'image')
    const at = Date.now()
    await Promise.all([scene.driver.touch('image', at, 40), scene.driver.touch('image', at - 1, 2)])
    assert.deepEqual(await scene.driver.get('image'), { ...entry, hits: 42, accessedAt: at })
  })

  it('every millisecond is kept', async (scene) => {
    await commitImage(scene, 'image')
    for (let at = longAgo + 100_000; at < longAgo + 100_100; at++) {
      await scene.driver.touch('image', at)
      assert.equal((await scene.driver.get('image'))?.accessedAt, at)
    }
  })

  it('the access time never moves backwards, the hit counts all the same', async (scene) => {
    const { accessedAt } = await commitImage(scene, 'image')
    await scene.driver.touch('image', accessedAt - 1)
    const entry = await scene.driver.get('image')
    assert.equal(entry?.accessedAt, accessedAt)
    assert.equal(entry?.hits, 1)
  })

  it('a hundred touches at once count a hundred', async (scene) => {
    await commitImage(scene, 'image')
    const times = Array.from({ length: 100 }, (_, n) => longAgo + 200_000 + ((n * 37) % 100))
    await Promise.all(times.map((at) => scene.driver.touch('image', at)))
    const entry = await scene.driver.get('image')
    assert.equal(entry?.hits, 100)
    assert.equal(entry?.accessedAt, longAgo + 200_099)
  })

  it('asking is no hit', async (scene) => {
    const entry = await commitImage(scene, 'image')
    await scene.driver.factsOf('image')
    await scene.driver.totals()
    await listed(scene.driver)
    await scene.driver.get('image')
    assert.deepEqual(await scene.driver.get('image'), entry)
  })

  it('a touch that comes after the eviction brings nothing back', async (scene) => {
    await commitImage(scene, 'image')
    await evictImage(scene, 'image')
    await scene.driver.touch('image', Date.now())
    assert.equal(await scene.driver.get('image'), undefined)
    assert.deepEqual(await listed(scene.driver), [])
  })

  it('a pin is set, survives hits and is taken off', async (scene) => {
    const entry = await commitImage(scene, 'image')
    assert.equal(await scene.driver.pin('image', true), true)
    assert.equal(await scene.driver.pin('image', true), true)
    await scene.driver.touch('image', longAgo)
    assert.deepEqual(await scene.driver.get('image'), { ...entry, hits: 1, pinned: true })
    assert.equal(await scene.driver.pin('image', false), true)
    assert.equal(await scene.driver.pin('image', false), true)
    assert.deepEqual(await scene.driver.get('image'), { ...entry, hits: 1, pinned: false })
  })
}
