import assert from 'node:assert/strict'
import type { Case } from './driver-conformance.ts'
import { collect, commitImage, entriesOf, evictImage, idsOf, listed, longAgo, type Scene } from './driver-scene.ts'

/** More than one page of any driver. */
const many = 270

/** Both lists of all images. */
export function listCases(it: Case): void {
  byIdCases(it)

  it('the list gives whole entries, least recently accessed first, ties by id', async (scene) => {
    const entries = [
      await commitImage(scene, 'c', { accessedAt: longAgo + 2000, pinned: true }),
      await commitImage(scene, 'b', { accessedAt: longAgo + 1000, hits: 4 }),
      await commitImage(scene, 'd', { accessedAt: longAgo + 1000, facts: undefined }),
      await commitImage(scene, 'a', { accessedAt: longAgo + 1000 }),
      await commitImage(scene, 'e', { accessedAt: longAgo + 1001 }),
    ]
    const order = ['a', 'b', 'd', 'e', 'c'].map((id) => entries.find((entry) => entry.id === id))
    assert.deepEqual(await entriesOf(scene.driver), order)
  })

  it('a touch moves an image to the end of the list', async (scene) => {
    for (const [n, id] of ['a', 'b', 'c'].entries()) await commitImage(scene, id, { accessedAt: longAgo + n })
    await scene.driver.touch('a', longAgo + 10)
    assert.deepEqual(await listed(scene.driver), ['b', 'c', 'a'])
  })

  it('many images are listed once each, in order', async (scene) => {
    const ids = await commitMany(scene)
    assert.deepEqual(await listed(scene.driver), ids)
  })

  it('images forgotten meanwhile do not disturb the list', async (scene) => {
    const ids = await commitMany(scene)
    const seen: string[] = []
    for await (const { id } of scene.driver.list()) {
      seen.push(id)
      const last = ids.at(-seen.length)
      if (seen.length <= 50) await evictImage(scene, id)
      else if (seen.length <= 100 && last !== undefined) await evictImage(scene, last)
    }
    assert.deepEqual(seen.slice(0, 170), ids.slice(0, 170))
    assert.equal(new Set(seen).size, seen.length)
    assert.deepEqual(await listed(scene.driver), [...ids.slice(50, -100), ...ids.slice(-50)])
  })

  it('images touched meanwhile are listed once all the same', async (scene) => {
    const ids = await commitMany(scene)
    const seen: string[] = []
    for await (const { id } of scene.driver.list()) {
      seen.push(id)
      if (seen.length % 10 === 0) await scene.driver.touch(id, longAgo + 1_000_000 + seen.length)
    }
    assert.deepEqual(seen.toSorted(), ids.toSorted())
  })

  it('a list is ended by its signal: before, in the middle, after the last', async (scene) => {
    const ids = await commitMany(scene)
    for (const count of [0, 1, 150, ids.length - 1]) {
      const controller = new AbortController()
      const reason = new Error(`enough after ${count}`)
      const seen: string[] = []
      if (count === 0) controller.abort(reason)
      const list = async () => {
        for await (const { id } of scene.driver.list(controller.signal)) {
          seen.push(id)
          if (seen.length === count) controller.abort(reason)
        }
      }
      await assert.rejects(list(), reason)
      assert.equal(seen.length, count)
    }
    const controller = new AbortController()
    for await (const _ of scene.driver.list(controller.signal));
    controller.abort()
    assert.equal((await scene.driver.totals()).count, many)
  })

  it('sizes are those of every image, however many', async (scene) => {
    assert.deepEqual(await scene.driver.sizes(), new Map())
    await commitImage(scene, 'a', { size: 10, facts: undefined })
    await commitImage(scene, 'b', { size: 0 })
    assert.deepEqual(
      new Map(await scene.driver.sizes()),
      new Map([
        ['a', 10],
        ['b', 0],
      ]),
    )
    await evictImage(scene, 'a')
    const ids = await commitMany(scene)
    const sizes = await scene.driver.sizes()
    assert.deepEqual([...sizes.keys()].sort(), ['b', ...ids].sort())
    assert.equal(
      [...sizes.values()].reduce((sum, size) => sum + size, 0),
      (await scene.driver.totals()).size,
    )
  })

  it('totals follow what is admitted, replaced and forgotten', async (scene) => {
    await commitImage(scene, 'a', { size: 10 })
    await commitImage(scene, 'b', { size: 0 })
    assert.deepEqual(await scene.driver.totals(), { count: 2, size: 10 })
    await commitImage(scene, 'b', { size: 5 })
    assert.deepEqual(await scene.driver.totals(), { count: 2, size: 15 })
    await evictImage(scene, 'a')
    assert.deepEqual(await scene.driver.totals(), { count: 1, size: 5 })
  })

  it('what one driver does is in the next sum and list of another, at once', async (scene, { open }) => {
    await using other = await open(scene.dir)
    const theirs = { driver: other, dir: scene.dir }
    const used = new Map<string, number>()
    const order = () => [...used].sort(([, a], [, b]) => a - b).map(([id]) => id)
    for (let n = 0; n < 40; n++) {
      const [one, another] = n % 2 === 0 ? [scene, theirs] : [theirs, scene]
      await commitImage(one, `image-${n}`, { size: 10, accessedAt: longAgo + n })
      used.set(`image-${n}`, longAgo + n)
      if (n % 3 === 2) {
        const [gone = '', touched = ''] = order()
        await evictImage(another, gone)
        used.delete(gone)
        await another.driver.touch(touched, longAgo + 1000 + n)
        used.set(touched, longAgo + 1000 + n)
      }
      for (const { driver } of [scene, theirs]) {
        assert.deepEqual(await driver.totals(), { count: used.size, size: used.size * 10 })
        assert.deepEqual(new Set((await driver.sizes()).keys()), new Set(used.keys()))
        assert.deepEqual(await listed(driver), order())
      }
    }
  })
}

function byIdCases(it: Case): void {
  it('by id, whole entries are given in the order of ids', async (scene) => {
    const c = await commitImage(scene, 'c', { accessedAt: longAgo, pinned: true })
    const a = await commitImage(scene, 'a', { accessedAt: longAgo + 2000, facts: undefined })
    const b = await commitImage(scene, 'b', { accessedAt: longAgo + 1000, hits: 4 })
    assert.deepEqual(await collect(scene.driver.byId()), [a, b, c])
  })

  it('by id, many images are given once each, whatever is touched, forgotten or added meanwhile', async (scene) => {
    const ids = (await commitMany(scene)).toSorted()
    assert.deepEqual(await idsOf(scene.driver.byId()), ids)
    const [first = '', last = ''] = [ids.at(0), ids.at(-1)]
    const seen: string[] = []
    for await (const { id } of scene.driver.byId()) {
      seen.push(id)
      if (seen.length % 10 === 0) await scene.driver.touch(id, longAgo + 1_000_000 + seen.length)
      if (seen.length !== 50) continue
      await evictImage(scene, first)
      await evictImage(scene, last)
      await commitImage(scene, 'before-all')
    }
    assert.deepEqual(seen.slice(0, ids.length - 1), ids.slice(0, -1))
    assert.equal(new Set(seen).size, seen.length)
    assert.deepEqual(await idsOf(scene.driver.byId()), ['before-all', ...ids.slice(1, -1)])
  })

  it('by id, the list is ended by its signal', async (scene) => {
    await commitMany(scene)
    for (const count of [0, 1, 260]) {
      const controller = new AbortController()
      const reason = new Error(`enough after ${count}`)
      const seen: string[] = []
      if (count === 0) controller.abort(reason)
      const list = async () => {
        for await (const { id } of scene.driver.byId(controller.signal)) {
          seen.push(id)
          if (seen.length === count) controller.abort(reason)
        }
      }
      await assert.rejects(list(), reason)
      assert.equal(seen.length, count)
    }
  })
}

/** Commits many images and gives their ids in the order of the list. Most share one access time, over all pages. */
async function commitMany(scene: Scene): Promise<string[]> {
  const ids = Array.from({ length: many }, (_, n) => `image-${String((n * 7) % many).padStart(4, '0')}`)
  const order = [...ids.slice(0, 10), ...ids.slice(10, -10).sort(), ...ids.slice(-10)]
  const placeOf = (n: number) => (n < 10 || n >= many - 10 ? n : 10)
  await Promise.all(order.map((id, n) => commitImage(scene, id, { accessedAt: longAgo + placeOf(n) })))
  return order
}
