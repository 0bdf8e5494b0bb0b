import assert from 'node:assert/strict'
import { stat, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { deadline } from '../support/deadline.ts'
import { beginFill, openImageCache } from '../support/image-cache.ts'
import { imageId } from '../support/image-id.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { glanceAt, nobody } from '../support/upstream-glance.ts'

const id = imageId(1)
const bytes = patternBytes(300_000)

async function setUp(t: Parameters<typeof openImageCache>[0]) {
  const told: string[] = []
  const onTold: { condemned: () => Promise<void> } = { condemned: async () => {} }
  const others = {
    async condemned(key: string) {
      told.push(`condemned ${key}`)
      await onTold.condemned()
    },
    wanted: async (image: string) => void told.push(`wanted ${image}`),
  }
  return { ...(await openImageCache(t, { others })), told, onTold }
}

test('other workers give way to whoever wants an image that is not proven, and hear of no other', async (t) => {
  const { cache, up, layout, told } = await setUp(t)
  up.addImage({ id, bytes })
  await (await beginFill(cache, id)).done
  assert.deepEqual(told, [])
  const unproven = imageId(2)
  up.addImage({ id: unproven, bytes })
  await writeFile(layout.committed(unproven), bytes)
  await (await beginFill(cache, unproven)).done
  assert.deepEqual(told, [`wanted ${unproven}`])
  assert.equal(up.downloads(unproven).length, 0, 'it is proven where it lies')
})

test('other workers have cut off their readers before a wrong file is set aside', async (t) => {
  const { cache, up, layout, told, onTold } = await setUp(t)
  up.addImage({ id, bytes })
  await (await beginFill(cache, id)).done
  const hit = await cache.open(id)
  assert(hit !== undefined)
  const stats = await stat(layout.committed(id))
  let wasThere = false
  onTold.condemned = async () => {
    wasThere = (await stat(layout.committed(id))).ino === stats.ino
  }
  assert(await deadline(cache.condemn(id, { stats }), 'it is set aside'))
  assert(wasThere)
  assert.deepEqual(told, [`condemned ${id} ${stats.ino} ${stats.mtimeMs}`])
  hit.close()
})

test('what another worker has condemned is not read on here, and not served again', async (t) => {
  const { cache, up, layout } = await setUp(t)
  up.addImage({ id, bytes })
  await (await beginFill(cache, id)).done
  const hit = await cache.open(id)
  assert(hit !== undefined)
  const { ino, mtimeMs } = await stat(layout.committed(id))
  cache.condemned(`${id} ${ino} ${mtimeMs}`)
  assert.throws(() => hit.read(0, 10), { name: 'ReadFailed', fault: 'wrong' })
  assert.equal(hit.span(0, 10), undefined)
  hit.close()
  assert.equal(await cache.open(id), undefined)
})

test('those who come while another process fills an image follow it together, and let go of it when it has ended', async (t) => {
  const { cache, up, layout, driver } = await setUp(t)
  up.addImage({ id, bytes })
  const other = await openImageCache(t, { layout, driver, origin: glanceAt(t, up.url) })
  const stall = up.nextFile(id, { stallAt: 200_000 })
  const fill = await beginFill(other.cache, id)
  await deadline(stall.reached, 'some of it is sent')
  const first = cache.enter(id, nobody)
  const second = cache.enter(id, nobody)
  assert(first.role === 'first' && second.role === 'joined')
  const [led, joined] = [await first.led, await second.outcome]
  assert(led.kind === 'following' && led.fill === undefined && joined.kind === 'following')
  assert.equal(joined.following, led.following)
  const third = cache.enter(id, nobody)
  assert(third.role === 'joined')
  assert.equal(cache.fills().length, 0, 'it is no fill of ours')
  const readers = [led.following.open(bytes.length, nobody), joined.following.open(bytes.length, nobody)]
  const last = readers.map((reader) => Promise.resolve(reader.read(bytes.length - 10, 10)))
  stall.release()
  for (const lease of await deadline(Promise.all(last), 'both have the end of it')) {
    assert.deepEqual(Buffer.from(lease.bytes), bytes.subarray(-10))
    lease.release()
  }
  for (const reader of readers) reader.close()
  await fill.done
  await deadline(led.following.done, 'nobody looks at it any more')
  assert.equal(cache.enter(id, nobody).role, 'first')
  assert.equal(up.downloads(id).length, 1)
})
