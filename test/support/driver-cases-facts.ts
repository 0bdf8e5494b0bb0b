import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Case } from './driver-conformance.ts'
import { commitImage, evictImage, longAgo } from './driver-scene.ts'

/** Facts of an image that is proven again where it lies. */
export function factsCases(it: Case): void {
  it('facts are replaced alone: hits, times and the pin stay', async (scene) => {
    const entry = await commitImage(scene, 'image', { hits: 7, accessedAt: longAgo + 1234, pinned: true })
    assert.ok(entry.facts)
    const facts = { ...entry.facts, verifiedAt: longAgo + 500_000 }
    assert.equal(await scene.driver.replaceFacts('image', entry.facts, facts), true)
    assert.deepEqual(await scene.driver.get('image'), { ...entry, facts })
    assert.deepEqual(await scene.driver.factsOf('image'), facts)
  })

  it('an image without facts gets some', async (scene) => {
    const { facts } = await commitImage(scene, 'other')
    const entry = await commitImage(scene, 'image', { hits: 3, facts: undefined })
    const inode = (await stat(join(scene.dir, 'image'))).ino
    assert.ok(facts)
    const found = { ...facts, inode }
    assert.equal(await scene.driver.replaceFacts('image', undefined, found), true)
    assert.deepEqual(await scene.driver.get('image'), { ...entry, facts: found })
  })

  it('an image that is given up has no hits, pin or facts, here and after opening again', async (scene, { open }) => {
    await commitImage(scene, 'image', { hits: 7, pinned: true })
    const other = await commitImage(scene, 'other', { hits: 3, pinned: true })
    await scene.driver.giveUp('image')
    await scene.driver.giveUp('image')
    await scene.driver.giveUp('nope')
    await using again = await open(scene.dir)
    for (const driver of [scene.driver, again]) {
      const { hits = 0, pinned = false, facts } = (await driver.get('image')) ?? {}
      assert.deepEqual({ hits, pinned, facts }, { hits: 0, pinned: false, facts: undefined })
      assert.equal(await driver.factsOf('image'), undefined)
      assert.deepEqual(await driver.get('other'), other)
    }
  })

  it('facts are not replaced when others are known by now, nor those of an image that has gone', async (scene) => {
    const { facts } = await commitImage(scene, 'image')
    assert.ok(facts)
    const later = { ...facts, verifiedAt: longAgo + 500_000 }
    assert.equal(await scene.driver.replaceFacts('image', undefined, later), false)
    for (const other of [{ inode: 1 }, { size: 1 }, { modifiedAt: 1 }, { verifiedAt: 1 }, { hashValue: 'ab' }]) {
      assert.equal(await scene.driver.replaceFacts('image', { ...facts, ...other }, later), false)
    }
    const again = await commitImage(scene, 'image', { size: 2000, pinned: true })
    assert.equal(await scene.driver.replaceFacts('image', facts, later), false)
    assert.deepEqual(await scene.driver.get('image'), again)
    await evictImage(scene, 'image')
    assert.equal(await scene.driver.replaceFacts('image', again.facts, later), false)
    assert.equal(await scene.driver.replaceFacts('image', undefined, later), false)
    assert.equal(await scene.driver.factsOf('image'), undefined)
    assert.equal(await scene.driver.get('image'), undefined)
  })
}
