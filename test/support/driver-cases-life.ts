import assert from 'node:assert/strict'
import { DriverError } from '../../drivers/driver.ts'
import type { Case } from './driver-conformance.ts'
import { commitImage, entriesOf, evictImage, fillImage, idsOf, listed, longAgo } from './driver-scene.ts'

/** Opening, closing, opening again. */
export function lifeCases(it: Case): void {
  it('opening again finds everything', async (scene, { open }) => {
    const plain = await commitImage(scene, 'a', { accessedAt: longAgo })
    const pinned = await commitImage(scene, 'b', { accessedAt: longAgo + 1, hits: 5 })
    await scene.driver.pin('b', true)
    await scene.driver.touch('b', longAgo + 2)
    const { path, facts } = await fillImage(scene.dir, 'c')
    await scene.driver.prepare('c', path, facts)
    await scene.driver[Symbol.asyncDispose]()

    await using again = await open(scene.dir)
    const expected = [plain, { ...pinned, hits: 6, accessedAt: longAgo + 2, pinned: true }]
    assert.deepEqual(await entriesOf(again), expected)
  })

  it('what was asked before closing is done', async (scene, { open }) => {
    await commitImage(scene, 'image')
    const touches = Array.from({ length: 50 }, () => scene.driver.touch('image', longAgo))
    await scene.driver[Symbol.asyncDispose]()
    await Promise.all(touches)
    await using again = await open(scene.dir)
    assert.equal((await again.get('image'))?.hits, 50)
  })

  it('a closed driver says so, and closes again without harm', async (scene) => {
    const entry = await commitImage(scene, 'image')
    const { path, facts } = await fillImage(scene.dir, 'other')
    const { driver } = scene
    await driver[Symbol.asyncDispose]()
    await driver[Symbol.asyncDispose]()
    const uses: Record<string, () => Promise<unknown>> = {
      get: () => driver.get('image'),
      list: () => listed(driver),
      byId: () => idsOf(driver.byId()),
      totals: () => driver.totals(),
      prepare: () => driver.prepare('other', path, facts),
      factsOf: () => driver.factsOf('image'),
      replaceFacts: () => driver.replaceFacts('image', facts, facts),
      admit: () => driver.admit(entry),
      touch: () => driver.touch('image', Date.now()),
      pin: () => driver.pin('image', true),
      giveUp: () => driver.giveUp('image'),
      forget: () => driver.forget('image'),
    }
    for (const [name, use] of Object.entries(uses)) {
      await assert.rejects(use, (error) => error instanceof DriverError && /has been closed/.test(error.message), name)
    }
  })

  it('two drivers on one directory see what the other did', async (scene, { open }) => {
    await using other = await open(scene.dir)
    const entry = await commitImage(scene, 'image')
    assert.deepEqual(await other.get('image'), entry)
    await Promise.all(
      [scene.driver, other].flatMap((each) => Array.from({ length: 50 }, () => each.touch('image', longAgo))),
    )
    assert.equal((await scene.driver.get('image'))?.hits, 100)
    assert.equal(await other.pin('image', true), true)
    assert.equal((await scene.driver.get('image'))?.pinned, true)
    await evictImage({ driver: other, dir: scene.dir }, 'image')
    assert.equal(await scene.driver.get('image'), undefined)
    assert.deepEqual(await listed(scene.driver), [])
  })
}
