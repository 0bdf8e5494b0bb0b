import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AccessOrder, type Place } from '../../drivers/access-order.ts'
import { seededRandom } from '../support/seeded-random.ts'

type Image = Readonly<{ id: string; size: number; accessedAt: number }>

/** The same, sorted anew each time. */
function sorted(images: ReadonlyMap<string, Image>): Image[] {
  return [...images.values()].sort((a, b) => a.accessedAt - b.accessedAt || (a.id < b.id ? -1 : 1))
}

const idsOf = (places: readonly Place[]) => places.map(({ id }) => id)

function bySteps(order: AccessOrder, most: number): string[] {
  const ids: string[] = []
  for (let page = order.after(undefined, most); page.length > 0; page = order.after(page.at(-1), most)) {
    ids.push(...idsOf(page))
  }
  return ids
}

test('least recently used first, ties by id, in pages of any length', () => {
  const order = new AccessOrder([
    { id: 'c', size: 1, accessedAt: 5 },
    { id: 'b', size: 2, accessedAt: 7 },
    { id: 'a', size: 3, accessedAt: 5 },
  ])
  order.set('d', 4, 6)
  for (const most of [1, 2, 3, 4, 100]) assert.deepEqual(bySteps(order, most), ['a', 'c', 'd', 'b'])
  assert.deepEqual(idsOf(order.after({ id: 'b', accessedAt: 5 }, 1)), ['c'], 'from a place that nobody has')
  assert.deepEqual([order.count, order.bytes], [4, 10])
})

test('what is told again is no news; what has gone is gone once', () => {
  const order = new AccessOrder()
  assert.equal(order.set('a', 1, 5), true)
  assert.equal(order.set('a', 1, 5), false)
  assert.equal(order.set('a', 2, 5), true)
  assert.equal(order.set('a', 2, 4), true)
  assert.equal(order.delete('a'), true)
  assert.equal(order.delete('a'), false)
  assert.deepEqual([order.count, order.bytes, order.after(undefined, 9)], [0, 0, []])
})

test('ten thousand changes, whatever they are: the same as sorting anew', () => {
  const random = seededRandom(4)
  const pick = (below: number) => random.between(0, below - 1)
  const images = new Map<string, Image>()
  for (let n = 0; n < 1500; n++) images.set(`image-${n}`, { id: `image-${n}`, size: pick(100), accessedAt: pick(400) })
  const order = new AccessOrder(images.values())
  for (let step = 0; step < 10_000; step++) {
    const id = `image-${pick(3000)}`
    if (pick(3) === 0) assert.equal(order.delete(id), images.delete(id))
    else {
      // Most go to the end, as uses do; some anywhere.
      const image = { id, size: pick(100), accessedAt: pick(4) === 0 ? pick(400) : 400 + step }
      images.set(id, image)
      order.set(id, image.size, image.accessedAt)
    }
    if (step % 250 !== 0) continue
    const expected = sorted(images)
    assert.deepEqual(bySteps(order, 64), idsOf(expected))
    assert.equal(order.count, images.size)
    assert.equal(
      order.bytes,
      expected.reduce((sum, { size }) => sum + size, 0),
    )
    assert.deepEqual(new Map(order.sizes()), new Map(expected.map(({ id, size }) => [id, size])))
  }
})
