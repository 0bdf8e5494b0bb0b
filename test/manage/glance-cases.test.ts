import assert from 'node:assert/strict'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { get } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { explanationIn, imageSize, startManaged } from '../support/managed.ts'
import { drivers } from '../support/proxy.ts'
import { startKeystone } from '../support/scripted-keystone.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

// What Glance's functional tests of its cache API show, each under the name that it has there. Most of them stand in
// cache-api.test.ts, cached-images.test.ts and access.test.ts.

type Listed = { cached_images: Array<{ image_id: string; hits: number; size: number }>; queued_images: string[] }
type Pruned = { total_files_pruned: number; total_bytes_pruned: number }

const nothing = { cached_images: [], queued_images: [] }
const id = imageId(1)

for (const driver of drivers) {
  describe(`Glance's tests of its cache API (${driver})`, () => {
    test('test_cache_image_cache_delete: deleted in the store, it is not listed any more', async (t) => {
      const { expect, cached } = await startManaged(t, driver)
      const [one = '', two = ''] = await cached(1, 2)
      await expect(204, 'DELETE', `/v2/images/${one}`)
      const left = async () => {
        const list = (await expect(200, 'GET', '/v2/cache')) as Listed
        return list.cached_images.map(({ image_id }) => image_id).join()
      }
      await eventually(async () => (await left()) === two, 'only the other one is listed')
    })

    test('test_cache_image_queue_delete: queued, deleted in the store, and then from the queue', async (t) => {
      const { expect, proxy, upstream } = await startManaged(t, driver)
      const [waits, fetched] = [imageId(1), imageId(2)]
      for (const image of [waits, fetched]) upstream.addImage({ id: image, bytes: patternBytes(imageSize) })
      const held = upstream.nextFile(fetched, { holdHeaders: true })
      await expect(200, 'PUT', `/v2/queued_images/${waits}`)
      await expect(202, 'PUT', `/v2/cache/${fetched}`)
      await deadline(held.reached, 'one of them is asked for')
      for (const image of [waits, fetched]) await expect(204, 'DELETE', `/v2/images/${image}`)
      const list = (await expect(200, 'GET', '/v2/cache')) as Listed
      assert.deepEqual(list.queued_images.toSorted(), [waits, fetched], 'the queue is left alone')
      for (const image of [waits, fetched]) await expect(204, 'DELETE', `/v2/cache/${image}`)
      assert.deepEqual(await expect(200, 'GET', '/v2/cache'), nothing)
      held.release()
      await eventually(async () => (await proxy.metric('afterimage_fills_in_progress')) === 0, 'no fill goes on')
      assert.deepEqual([await proxy.names(), await proxy.names('queue')], [[], []])
    })

    test('test_list_cached_nodes_centralized_cache_disabled: 409, of unknown images and invalid ids too', async (t) => {
      const { ask, cached, upstream } = await startManaged(t, driver)
      await cached(1)
      const before = upstream.requests.length
      for (const image of [id, imageId(404), 'invalid-uuid']) {
        const got = await ask('GET', `/v2/cache/nodes/${image}`)
        assert.equal(got.status, 409, image)
        assert.equal(explanationIn(got), 'Centralized caching is not enabled')
      }
      assert.equal(upstream.requests.length, before)
    })

    test('test_cache_prune: fifteen images of 10 KiB and a limit of 100 KiB', async (t) => {
      const limit = 102_400
      const { expect, cached, proxy } = await startManaged(t, driver, [`--image-cache-max-size=${limit}`])
      assert.deepEqual(await expect(200, 'POST', '/v2/cache/prune'), { total_files_pruned: 0, total_bytes_pruned: 0 })
      const all = await cached(...Array.from({ length: 15 }, (_, index) => index + 1))
      const pruned = (await expect(200, 'POST', '/v2/cache/prune')) as Pruned
      const left = await proxy.names()
      assert.equal(pruned.total_files_pruned, all.length - left.length)
      assert.equal(pruned.total_bytes_pruned, (all.length - left.length) * imageSize)
      const sizes = await Promise.all(left.map(async (name) => (await stat(join(proxy.dir, name))).size))
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        limit,
      )
      const list = (await expect(200, 'GET', '/v2/cache')) as Listed
      assert.deepEqual(
        list.cached_images.map(({ image_id }) => image_id),
        left,
      )
    })

    test('test_prune: ten images that were read, then one that never was, and room for five', async (t) => {
      const { expect, cached, proxy } = await startManaged(t, driver, [`--image-cache-max-size=${5 * imageSize}`])
      const read = await cached(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
      for (const image of read) assert.equal((await get(proxy.image(image))).headers['cache-status'], 'afterimage; hit')
      const counted = async () => {
        const list = (await expect(200, 'GET', '/v2/cache')) as Listed
        return list.cached_images.every(({ hits }) => hits === 1)
      }
      await eventually(counted, 'every hit is counted')
      const [unread = ''] = await cached(99)
      const pruned = (await expect(200, 'POST', '/v2/cache/prune')) as Pruned
      assert.deepEqual(pruned, { total_files_pruned: 6, total_bytes_pruned: 6 * imageSize })
      assert.deepEqual(await proxy.names(), [...read.slice(6), unread])
    })

    test('test_cache_api_not_allowed, test_clean_cache: 403 before everything else, for all but admins', async (t) => {
      const roles = { admin: ['admin'], reader: ['reader'], member: ['member'], none: [] }
      const keystone = await startKeystone(t, roles)
      const flags = [`--keystone-auth-url=${keystone.url}/v3`]
      const { ask, expect, cached, proxy, tree } = await startManaged(t, driver, flags)
      await cached(1)
      await mkdir(join(proxy.dir, 'invalid'), { recursive: true })
      await writeFile(join(proxy.dir, 'invalid', imageId(2)), 'bad')
      const before = await tree()
      for (const token of ['reader', 'member', 'none']) {
        for (const [method, path, headers] of [
          ['GET', '/v2/cache', {}],
          ['DELETE', '/v2/cache', { 'x-image-cache-clear-target': 'both' }],
          ['PUT', `/v2/cache/${imageId(404)}`, {}],
          ['DELETE', '/v2/cache/invalid-uuid', {}],
          ['GET', `/v2/cache/nodes/${id}`, {}],
          ['POST', '/v2/cache/clean', {}],
          ['POST', '/v2/cache/prune', {}],
          ['DELETE', '/v2/cached_images/invalid-uuid', {}],
          ['PUT', '/v2/queued_images/invalid-uuid', {}],
        ] as const) {
          const got = await ask(method, path, { 'X-Auth-Token': token, ...headers })
          assert.equal(got.status, 403, `${token}: ${method} ${path}`)
        }
      }
      assert.deepEqual(await tree(), before)
      await expect(200, 'POST', '/v2/cache/clean', { 'X-Auth-Token': 'admin' })
      assert.deepEqual([await proxy.names(), await proxy.names('invalid')], [[id], []])
    })
  })
}
