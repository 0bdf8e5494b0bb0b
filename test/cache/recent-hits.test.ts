import assert from 'node:assert/strict'
import { open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { ImageCache } from '../../src/cache/cache.ts'
import { openFiles } from '../../src/cache/files.ts'
import { HitCounts } from '../../src/cache/hit-counts.ts'
import { RecentHits } from '../../src/cache/recent-hits.ts'
import { shareFile } from '../../src/cache/shared-file.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { beginFill, openImageCache } from '../support/image-cache.ts'
import { imageId } from '../support/image-id.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { nobody } from '../support/upstream-glance.ts'

const id = imageId(1)

/** A cache with one committed image, and how often its metadata have been looked up. */
async function scene(t: TestContext, size = 10_000) {
  const opened = await openImageCache(t)
  const bytes = patternBytes(size)
  opened.up.addImage({ id, bytes })
  const fill = await beginFill(opened.cache, id)
  assert.equal(await deadline(fill.done, 'it is committed'), 'committed')
  let lookUps = 0
  const get = opened.driver.get.bind(opened.driver)
  opened.driver.get = (asked) => {
    lookUps++
    return get(asked)
  }
  return { ...opened, bytes, lookUps: () => lookUps }
}

async function readWhole(cache: ImageCache): Promise<Buffer | undefined> {
  const hit = await cache.open(id)
  if (hit === undefined) return undefined
  const { bytes, release } = await hit.read(0, hit.size)
  const copy = Buffer.from(bytes)
  release()
  hit.close()
  return copy
}

describe('a small image that was opened a moment ago', () => {
  test('is looked up once for all who come next, until it is closed', async (t) => {
    const { cache, bytes, lookUps } = await scene(t)
    for (let round = 0; round < 20; round++) assert((await readWhole(cache))?.equals(bytes))
    assert(lookUps() < 20, `${lookUps()} times`)
    const before = lookUps()
    await eventually(async () => (await readWhole(cache)) !== undefined && lookUps() > before, 'it is looked up again')
  })

  test('a large image is not kept open', async (t) => {
    const { cache, lookUps } = await scene(t, (1 << 20) + 1)
    for (let round = 0; round < 3; round++) (await cache.open(id))?.close()
    assert.equal(lookUps(), 3)
  })

  const removals: Record<string, (cache: ImageCache) => Promise<unknown>> = {
    'evicted for room': (cache) => cache.space.evict(id, 'space'),
    deleted: (cache) => cache.deleted(id),
    'found to be another one': (cache) => cache.outdated(id),
    'taken back to be proven': (cache) => cache.files.demote(id).then((owned) => owned?.handle.close()),
    'found to be wrong': async (cache) => {
      const committed = await cache.files.openCommitted(id)
      assert(committed !== undefined)
      await cache.condemn(id, committed)
      await committed.handle.close()
    },
  }
  for (const [what, remove] of Object.entries(removals)) {
    test(`is gone at once when it is ${what} in this process`, async (t) => {
      const { cache, bytes } = await scene(t)
      assert((await readWhole(cache))?.equals(bytes))
      await remove(cache)
      assert.equal(await cache.open(id), undefined)
    })
  }

  test('is gone at once, though it was read and asked for while it was being deleted', async (t) => {
    const { cache, driver } = await scene(t)
    const reader = await cache.open(id)
    const forget = driver.forget.bind(driver)
    driver.forget = async (asked) => {
      const asking = await cache.open(asked)
      assert(asking !== undefined)
      asking.close()
      await forget(asked)
    }
    await cache.deleted(id)
    assert.equal(await cache.open(id), undefined)
    reader?.close()
  })

  test('is not in use for another process for longer than a moment', async (t) => {
    const { cache, layout } = await scene(t)
    await readWhole(cache)
    const elsewhere = openFiles(layout)
    const isRemoved = async () => (await elsewhere.remove(id, false, async () => {})).kind === 'removed'
    await eventually(isRemoved, 'another process removes it')
    await eventually(async () => (await cache.open(id)) === undefined, 'that is noticed')
  })

  test('its removal by hand is noticed in a moment', async (t) => {
    const { cache, layout } = await scene(t)
    await readWhole(cache)
    await rm(layout.committed(id))
    await eventually(async () => {
      const hit = await cache.open(id)
      hit?.close()
      return hit === undefined
    }, 'a miss')
  })

  test('does not keep the process from joining a fill of its next content', async (t) => {
    const { cache, up, bytes } = await scene(t)
    await readWhole(cache)
    await cache.deleted(id)
    const other = patternBytes(10_000, 2)
    up.addImage({ id, bytes: other })
    const led = await deadline(cache.fetch(id, nobody), 'it is fetched anew')
    assert.equal(led.kind, 'committed')
    const got = await readWhole(cache)
    assert(got?.equals(other) && !got.equals(bytes))
  })
})

test('rule 19: what is kept open is bounded, in number and in bytes', async (t) => {
  const path = join(await tempDir(t), 'file')
  await writeFile(path, 'abc')
  const facts = { inode: 1, size: 0, modifiedAt: 0, verifiedAt: 0, md5: 'a', hashAlgo: undefined, hashValue: undefined }
  for (const [size, most] of [
    [1 << 20, 32],
    [1000, 256],
  ] as const) {
    const file = shareFile(await open(path))
    const recent = new RecentHits()
    const stats = Object.assign(await file.handle.stat(), { size })
    const ids = Array.from({ length: 300 }, (_, number) => imageId(number))
    for (const each of ids) recent.keep(each, { file, stats, facts })
    const kept = ids.filter((each) => {
      const isKept = recent.take(each) !== undefined
      if (isKept) file.drop()
      return isKept
    })
    assert.equal(kept.length, most)
    await recent.clear()
    recent.keep(id, { file, stats, facts })
    assert(recent.take(id) !== undefined, 'there is room again')
    file.drop()
    await recent.clear()
    file.drop()
    await file.closing
  }
})

describe('hits', () => {
  test('that come while others are being counted are counted together, and none is lost', async () => {
    const counted: [string, number][] = []
    const released = Promise.withResolvers<void>()
    const hits = new HitCounts(
      {
        async touch(image, _at, count = 1) {
          counted.push([image, count])
          if (counted.length === 1) await released.promise
        },
      },
      (_image, error) => assert.fail(String(error)),
    )
    hits.count('a')
    for (let n = 0; n < 1000; n++) hits.count(n % 10 === 0 ? 'b' : 'a')
    released.resolve()
    await deadline(hits.written(), 'all are written')
    assert.deepEqual(counted, [
      ['a', 1],
      ['b', 100],
      ['a', 900],
    ])
  })

  test('that cannot be counted are reported, and the next ones are', async () => {
    const faults: string[] = []
    let fails = true
    const counted: string[] = []
    const hits = new HitCounts(
      {
        async touch(image) {
          if (fails) throw new Error('disk full')
          counted.push(image)
        },
      },
      (image) => faults.push(image),
    )
    hits.count('a')
    await hits.written()
    fails = false
    hits.count('b')
    await hits.written()
    assert.deepEqual([faults, counted], [['a'], ['b']])
  })
})
