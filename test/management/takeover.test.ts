import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { get } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { fillAsGlance } from '../support/glance-directory.ts'
import { startGlance, withoutGlance } from '../support/glance-driver.ts'
import { imageId } from '../support/image-id.ts'
import { ownCredentials } from '../support/own-credentials.ts'
import { drivers, type RunningProxy, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

type Listed = Readonly<{ id: string; hits: number; accessed_at: number; modified_at: number; verified_at?: number }>

const verifications = (proxy: RunningProxy, outcome: string) =>
  proxy.metric(`afterimage_verifications_total{outcome="${outcome}"}`)

async function listed(proxy: RunningProxy): Promise<Listed[]> {
  const { status, body } = await get(`${proxy.url}/api/v1/cache/images`)
  assert.equal(status, 200)
  return JSON.parse(body.toString()).images
}

const now = Math.floor(Date.now() / 1000)
/** The first two have been used lately. */
const images = [1, 2, 3].map((n) => ({
  id: imageId(n),
  bytes: patternBytes(500_000 + n, n),
  hits: n * 10,
  accessed: now - 100_000 * 10 ** n + 0.25,
  modified: now - 200_000 * 10 ** n + 0.75,
}))
const [good, , unused] = images
assert(good !== undefined && unused !== undefined)

for (const driver of drivers) {
  describe(`a directory that Glance filled, ${driver}`, () => {
    test('is listed with its hits and times, verified in the background, then served', async (t) => {
      const upstream = await startUpstream(t)
      for (const image of images) upstream.addImage(image)
      const dir = await tempDir(t)
      await fillAsGlance(dir, driver, images)
      const inodes = await Promise.all(images.map(async ({ id }) => (await stat(join(dir, id))).ino))
      const flags = await ownCredentials(t)
      const proxy = await startProxy(t, { upstream: upstream.url, driver, dir, flags })
      await eventually(async () => (await verifications(proxy, 'intact')) === images.length, 'all are verified')

      const entries = await listed(proxy)
      for (const [n, { id, hits, accessed, modified }] of images.entries()) {
        const entry = entries[n]
        assert(entry !== undefined)
        assert.deepEqual([entry.id, entry.hits, entry.accessed_at], [id, hits, accessed * 1000])
        // Of the time of the file, which is what the xattr driver has, the fraction goes with its proof.
        assert.equal(Math.floor(entry.modified_at / 1000), Math.floor(modified))
        assert(entry.verified_at !== undefined)
        assert.equal((await stat(join(dir, id))).ino, inodes[n])
      }
      assert.deepEqual(upstream.fileRequests(good.id), [], 'nothing was downloaded')

      const got = await deadline(get(proxy.image(good.id)), 'the download ends')
      assert(got.complete && got.body.equals(good.bytes))
      assert.equal(got.headers['cache-status'], 'afterimage; hit')
      await eventually(async () => (await listed(proxy))[0]?.hits === good.hits + 1, 'the hit is counted')
    })

    test('an image that Glance left damaged is fetched anew if it was used lately', async (t) => {
      const upstream = await startUpstream(t)
      for (const image of images) upstream.addImage(image)
      const dir = await tempDir(t)
      const recent = { ...good, accessed: now - 3600.5, bytes: Buffer.from(good.bytes).fill(0, 100_000, 101_000) }
      const old = { ...unused, bytes: unused.bytes.subarray(0, 1000) }
      await fillAsGlance(dir, driver, [recent, old])
      const flags = await ownCredentials(t)
      const proxy = await startProxy(t, { upstream: upstream.url, driver, dir, flags })
      await eventually(async () => (await verifications(proxy, 'repaired')) === 1, 'one is repaired')
      await eventually(async () => (await verifications(proxy, 'damaged')) === 1, 'the other one is not')
      assert.deepEqual(await proxy.names('invalid'), [good.id, unused.id])
      const [entry, ...others] = await listed(proxy)
      assert.deepEqual(others, [])
      assert.deepEqual([entry?.id, entry?.hits, entry?.accessed_at], [good.id, good.hits, recent.accessed * 1000])
      assert((await get(proxy.image(good.id))).body.equals(good.bytes))
      assert.deepEqual([upstream.downloads(good.id).length, upstream.downloads(unused.id).length], [1, 0])
    })

    test('is left alone without credentials, and images are proven when they are asked for', async (t) => {
      const upstream = await startUpstream(t)
      for (const image of images) upstream.addImage(image)
      const dir = await tempDir(t)
      await fillAsGlance(dir, driver, images)
      const proxy = await startProxy(t, { upstream: upstream.url, driver, dir, flags: ['--management-auth=none'] })
      assert.equal((await listed(proxy)).length, images.length)
      const got = await deadline(get(proxy.image(good.id)), 'the download ends')
      assert(got.complete && got.body.equals(good.bytes))
      assert.equal(upstream.downloads(good.id).length, 0)
      assert.equal(await verifications(proxy, 'intact'), 0)
    })

    test("is given back: Glance's own driver has what was there and what was added", {
      skip: withoutGlance,
    }, async (t) => {
      const upstream = await startUpstream(t)
      const added = { id: imageId(9), bytes: patternBytes(1000, 9) }
      for (const image of [...images, added]) upstream.addImage(image)
      const dir = await tempDir(t)
      await fillAsGlance(dir, driver, images)
      const flags = await ownCredentials(t)
      const proxy = await startProxy(t, { upstream: upstream.url, driver, dir, flags })
      await eventually(async () => (await verifications(proxy, 'intact')) === images.length, 'all are verified')
      await deadline(get(proxy.image(added.id)), 'an image is added')
      await proxy.committed(added.id)
      await proxy.close()

      const glance = startGlance(t, driver, dir)
      const accessed = await glance.ask({ do: 'accessed' })
      assert(typeof accessed === 'object' && accessed !== null)
      assert.deepEqual(Object.keys(accessed).sort(), [...images, added].map(({ id }) => id).sort())
      for (const { id, hits, accessed: at } of images) {
        assert.equal(await glance.ask({ do: 'get_hit_count', args: [id] }), hits)
        assert.equal(Object.entries(accessed).find(([name]) => name === id)?.[1], Math.floor(at))
      }
      assert.equal(await glance.ask({ do: 'is_cached', args: [added.id] }), true)
    })
  })
}
