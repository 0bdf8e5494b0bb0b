import assert from 'node:assert/strict'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { cannotMount, tmpfsDir } from '../support/tmpfs-dir.ts'
import { pattern, patternBytes } from '../support/upstream-bytes.ts'

const mebibyte = 1 << 20

/** All image bytes in a cache directory, in whatever state. */
async function imageBytes(dir: string): Promise<number> {
  let bytes = 0
  for (const place of ['', 'incomplete', 'invalid']) {
    for (const name of await readdir(join(dir, place))) {
      if (!/^[0-9a-f-]{36}$/.test(name)) continue
      bytes += await stat(join(dir, place, name)).then(
        ({ size }) => size,
        () => 0, // gone since it was listed
      )
    }
  }
  return bytes
}

for (const driver of drivers) {
  describe(`room for images, ${driver}`, () => {
    test('soft: an image larger than the whole limit is cached all the same', async (t) => {
      const upstream = await startUpstream(t)
      const flags = ['--image-cache-max-size=1000000', '--cache-limit=soft']
      const proxy = await startProxy(t, { upstream: upstream.url, driver, flags })
      for (const number of [1, 2]) {
        upstream.addImage({ id: imageId(number), bytes: patternBytes(1_500_000, number) })
        assert((await get(proxy.image(imageId(number)))).complete)
        await proxy.committed(imageId(number))
      }
      assert.deepEqual(await proxy.names(), [imageId(1), imageId(2)])
      assert((await imageBytes(proxy.dir)) > 1_000_000)
    })

    test('hard: the limit is never passed, fills under way included, and the least recently used go', async (t) => {
      const upstream = await startUpstream(t)
      const limit = 10 * mebibyte
      const flags = [`--image-cache-max-size=${limit}`, '--cache-limit=hard']
      const proxy = await startProxy(t, { upstream: upstream.url, driver, flags })
      let most = 0
      let watching = true
      const watch = (async () => {
        while (watching) most = Math.max(most, await imageBytes(proxy.dir))
      })()
      for (let number = 1; number <= 12; number += 3) {
        const ids = [number, number + 1, number + 2].map(imageId)
        for (const image of ids) upstream.addImage({ id: image, bytes: pattern(3 * mebibyte, 1) })
        for (const got of await Promise.all(ids.map((image) => get(proxy.image(image))))) assert(got.complete)
        await eventually(async () => (await proxy.metric('afterimage_fills_in_progress')) === 0, 'fills have ended')
      }
      watching = false
      await watch
      assert(most <= limit, `${most} bytes at most`)
      assert(most > 8 * mebibyte, `${most} bytes at most: the limit is used`)
      const left = await proxy.names()
      // Three fit; one that was still being closed by its last reader could not be evicted for the third.
      assert(left.length >= 2 && left.every((image) => image >= imageId(10)), left.join())
    })

    test('hard: what is larger than the limit passes through, with the reason', async (t) => {
      const upstream = await startUpstream(t)
      const flags = ['--image-cache-max-size=1000000', '--cache-limit=hard']
      const proxy = await startProxy(t, { upstream: upstream.url, driver, flags })
      const bytes = patternBytes(1_500_000)
      upstream.addImage({ id: imageId(1), bytes })
      const got = await get(proxy.image(imageId(1)))
      assert(got.complete && got.body.equals(bytes))
      assert.equal(got.headers['cache-status'], 'afterimage; fwd=miss; detail=too-large')
      assert.deepEqual([await proxy.names(), await proxy.names('incomplete')], [[], []])
      assert.equal(await proxy.metric('afterimage_not_cached_total{reason="too-large"}'), 1)
    })

    test('rule 13: over cache.max_fills downloads pass through', async (t) => {
      const upstream = await startUpstream(t)
      const proxy = await startProxy(t, { upstream: upstream.url, driver, flags: ['--cache-max-fills=2'] })
      const stalls = [1, 2].map((number) => {
        upstream.addImage({ id: imageId(number), bytes: patternBytes(1_000_000, number) })
        return upstream.nextFile(imageId(number), { stallAt: 500_000 })
      })
      const filling = await Promise.all([1, 2].map((number) => open(proxy.image(imageId(number)))))
      const bytes = patternBytes(1_000_000, 3)
      upstream.addImage({ id: imageId(3), bytes })
      const third = await get(proxy.image(imageId(3)))
      assert(third.complete && third.body.equals(bytes))
      assert.equal(third.headers['cache-status'], 'afterimage; fwd=miss; detail=busy')
      for (const stall of stalls) stall.release()
      for (const { rest } of filling) assert((await rest).complete)
    })

    test('rule 13: of many aborted requests only a few go on as downloads', async (t) => {
      const upstream = await startUpstream(t)
      const proxy = await startProxy(t, { upstream: upstream.url, driver, flags: ['--cache-max-fills=8'] })
      const clients = await Promise.all(
        Array.from({ length: 8 }, (_, number) => {
          upstream.addImage({ id: imageId(number), bytes: patternBytes(1_000_000, number) })
          upstream.nextFile(imageId(number), { stallAt: 500_000 })
          return open(proxy.image(imageId(number)))
        }),
      )
      assert.equal(await proxy.metric('afterimage_fills_in_progress'), 8)
      for (const client of clients) client.leave()
      await eventually(async () => (await proxy.metric('afterimage_fills_in_progress')) === 2, 'a quarter goes on')
    })

    test('a full file system: every download succeeds, the reason is counted', { skip: cannotMount }, async (t) => {
      const upstream = await startUpstream(t)
      const dir = await tmpfsDir(t, 'size=8m')
      const proxy = await startProxy(t, { upstream: upstream.url, driver, dir })
      // Takes room that no eviction can give back, after the cache has counted it as free.
      await writeFile(join(dir, 'ballast'), Buffer.alloc(3 * mebibyte))

      const large = patternBytes(7 * mebibyte)
      upstream.addImage({ id: imageId(1), bytes: large })
      const foreseen = await deadline(get(proxy.image(imageId(1))), 'the download ends')
      assert(foreseen.complete && foreseen.body.equals(large))
      assert.equal(await proxy.metric('afterimage_not_cached_total{reason="no-space"}'), 1)

      const bytes = patternBytes(4 * mebibyte, 2)
      upstream.addImage({ id: imageId(2), bytes })
      const stall = upstream.nextFile(imageId(2), { stallAt: 2 * mebibyte })
      const client = await open(proxy.image(imageId(2)))
      await stall.reached
      await eventually(() => client.received() > mebibyte, 'the fill is under way')
      await writeFile(join(dir, 'more ballast'), Buffer.alloc(8 * mebibyte)).catch(() => {}) // until it is full
      stall.release()
      const got = await deadline(client.rest, 'the download ends')
      assert(got.complete && got.body.equals(bytes), `complete ${got.complete}, ${got.body.length} bytes`)
      const failed = () => proxy.metric('afterimage_fills_total{outcome="cache-failed"}')
      await eventually(async () => (await failed()) === 1, 'the failed fill is counted')
      assert.deepEqual([await proxy.names(), await proxy.names('incomplete')], [[], []])
    })

    test('a file system out of inodes: every download succeeds', { skip: cannotMount }, async (t) => {
      const upstream = await startUpstream(t)
      const dir = await tmpfsDir(t, 'size=64m,nr_inodes=60')
      const proxy = await startProxy(t, { upstream: upstream.url, driver, dir })
      for (let number = 0; number < 100; number++) {
        const made = await writeFile(join(dir, 'queue', `x${number}`), '').then(
          () => true,
          () => false,
        )
        if (!made) break
      }
      const bytes = patternBytes(mebibyte)
      upstream.addImage({ id: imageId(1), bytes })
      for (let round = 0; round < 2; round++) {
        const got = await deadline(get(proxy.image(imageId(1))), 'the download ends')
        assert(got.complete && got.body.equals(bytes))
      }
      assert.equal(await proxy.metric('afterimage_not_cached_total{reason="no-inodes"}'), 2)
    })
  })
}
