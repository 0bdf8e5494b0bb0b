import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { type DriverName, drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { head, refusal } from '../support/upstream-words.ts'

// What Glance's functional tests of its caching middleware show, each under the name that it has there.

const id = imageId(1)
const bytes = patternBytes(100_000)
const as = (token: string) => ({ headers: { 'X-Auth-Token': token } })

async function setUp(t: TestContext, driver: DriverName, flags: readonly string[] = []) {
  const upstream = await startUpstream(t)
  upstream.addImage({ id, bytes })
  const proxy = await startProxy(t, { upstream: upstream.url, driver, flags })
  const inPlaces = async () => [await proxy.names(), await proxy.names('incomplete'), await proxy.names('invalid')]
  return { upstream, proxy, inPlaces, image: `${proxy.url}/v2/images/${id}` }
}

const nowhere = [[], [], []]

for (const driver of drivers) {
  describe(`Glance's tests of its caching middleware, ${driver}`, () => {
    test('test_cache_middleware_transparent_v2: uploaded, downloaded, deleted', async (t) => {
      const { upstream, proxy, inPlaces, image } = await setUp(t, driver)
      const uploaded = await get(proxy.image(id), { method: 'PUT', body: bytes })
      assert.equal(uploaded.status, 204)
      assert.equal((await upstream.requests.at(-1)?.body())?.length, bytes.length)
      assert.deepEqual(await inPlaces(), nowhere, 'an upload is not cached')
      const got = await get(proxy.image(id))
      assert(got.status === 200 && got.complete && got.body.equals(bytes))
      await proxy.committed(id)
      assert((await readFile(join(proxy.dir, id))).equals(bytes))
      assert.equal((await get(image, { method: 'DELETE' })).status, 204)
      await eventually(async () => (await proxy.names()).length === 0, 'it is not cached any more')
    })

    test('test_partially_downloaded_images_are_not_cached_v2_api: Range, and Content-Range in a request', async (t) => {
      const { upstream, proxy, inPlaces } = await setUp(t, driver)
      const part = bytes.subarray(3, 6)
      const ranged = await get(proxy.image(id), { headers: { Range: 'bytes=3-5' } })
      assert(ranged.status === 206 && ranged.body.equals(part))
      const asGlance = async () => {
        upstream.nextAnswer(
          (request) => request.header('content-range') === 'bytes 3-5/*',
          async (_, wire) => {
            const fields = [
              ['Content-Range', `bytes 3-5/${bytes.length}`],
              ['Content-Length', '3'],
            ] as const
            await wire.write(head(206, fields) + part.toString('latin1'))
            return 'keep'
          },
        )
        return get(proxy.image(id), { headers: { 'Content-Range': 'bytes 3-5/*' } })
      }
      const old = await asGlance()
      assert(old.status === 206 && old.body.equals(part))
      assert.equal(old.headers['cache-status'], 'afterimage; fwd=miss; detail=content-range')
      assert.deepEqual(await inPlaces(), nowhere)
      assert.equal(await proxy.metric('afterimage_fills_in_progress'), 0)

      // test_partial_download_of_cached_images_v2_api: the old field is the store's to answer, of a cached image too.
      assert((await get(proxy.image(id))).complete)
      await proxy.committed(id)
      const again = await asGlance()
      assert(again.status === 206 && again.body.equals(part))
      // A deliberate difference: a range of a cached image comes from the cache.
      const asked = upstream.downloads(id).length
      const hit = await get(proxy.image(id), { headers: { Range: 'bytes=3-5' } })
      assert(hit.status === 206 && hit.body.equals(part))
      assert.equal(hit.headers['cache-status'], 'afterimage; hit')
      assert.equal(upstream.downloads(id).length, asked)
    })

    test('test_cache_middleware_trans_v2_without_download_image_policy: 403, nothing cached, DELETE all the same', async (t) => {
      const { upstream, proxy, inPlaces, image } = await setUp(t, driver)
      upstream.everyFile(id, { question: true, status: 403, body: 'not allowed by policy' })
      for (const headers of [{}, { Range: 'bytes=0-9' }]) {
        const got = await get(proxy.image(id), { headers })
        assert.deepEqual([got.status, got.body.toString()], [403, 'not allowed by policy'])
      }
      assert.deepEqual(await inPlaces(), nowhere)
      assert.equal((await get(image, { method: 'DELETE' })).status, 204)
      assert.deepEqual(await inPlaces(), nowhere)
    })

    test('test_download_with_stores_uses_cache_when_cached: a store that there is none of is refused on a miss alone', async (t) => {
      const { upstream, proxy, inPlaces } = await setUp(t, driver, ['--authorization-ttl=0'])
      upstream.allow(id, 'owner')
      upstream.access.know('other')
      const invalid = `${proxy.image(id)}?prefer=invalid_store`
      const words = 'No store named invalid_store is configured'
      // Each time, as Glance with several stores does.
      const refuse = () =>
        upstream.nextAnswer(
          ({ target }) => target.includes('prefer=invalid_store'),
          async (_, wire) => {
            refuse()
            await wire.write(refusal(400, words))
            return 'keep'
          },
        )
      refuse()
      const miss = await get(invalid, as('owner'))
      assert.equal(miss.status, 400)
      assert.match(miss.body.toString(), new RegExp(words))
      assert.deepEqual(await inPlaces(), nowhere)

      const stall = upstream.nextFile(id, { stallAt: 50_000 })
      const whole = await open(`${proxy.image(id)}?prefer=fast,slow`, as('owner'))
      assert.equal(upstream.downloads(id).at(-1)?.target, `/v2/images/${id}/file?prefer=fast,slow`)
      // Whoever joins gets what is arriving, wherever it comes from.
      const joined = await open(invalid, as('owner'))
      assert.equal(joined.headers['cache-status'], 'afterimage; fwd=miss; collapsed')
      stall.release()
      for (const { rest } of [whole, joined]) assert((await rest).body.equals(bytes))
      await proxy.committed(id)

      for (const headers of [{}, { Range: 'bytes=10-19' }]) {
        const hit = await get(invalid, { headers: { 'X-Auth-Token': 'owner', ...headers } })
        assert.equal(hit.headers['cache-status'], 'afterimage; hit')
        assert(hit.body.equals('Range' in headers ? bytes.subarray(10, 20) : bytes))
      }
      // Who may not read is told so as ever.
      assert.equal((await get(invalid, as('other'))).status, 404)
      assert.equal((await get(invalid, as('expired'))).status, 401)
    })
  })
}
