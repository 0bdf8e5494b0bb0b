import assert from 'node:assert/strict'
import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { get } from '../support/client.ts'
import { eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { explanationIn, imageSize, startManaged } from '../support/managed.ts'
import { drivers } from '../support/proxy.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const nothing = { cached_images: [], queued_images: [] }
const unknown = imageId(404)

for (const driver of drivers) {
  describe(`/v2/cache (${driver})`, () => {
    test('lists what is cached by id, with hits, times in seconds and sizes, and what is queued', async (t) => {
      const { ask, expect, cached, proxy } = await startManaged(t, driver)
      assert.deepEqual(await expect(200, 'GET', '/v2/cache'), nothing)
      const before = Math.floor(Date.now() / 1000)
      const [second = '', first = ''] = await cached(2, 1)
      await get(proxy.image(first))
      await expect(200, 'PUT', `/v2/queued_images/${imageId(3)}`)
      const after = Date.now() / 1000
      const hit = async () => {
        const got = await ask('GET', '/v2/cache')
        return JSON.parse(got.body.toString()).cached_images[0].hits === 1
      }
      await eventually(hit, 'the hit is counted')

      const got = await ask('GET', '/v2/cache')
      assert.equal(got.headers['content-type'], 'application/json')
      assert.match(String(got.headers['x-openstack-request-id']), /^req-[0-9a-f-]{36}$/)
      const text = got.body.toString()
      const list = JSON.parse(text)
      assert.deepEqual(Object.keys(list), ['cached_images', 'queued_images'])
      assert.deepEqual(list.queued_images, [imageId(3)])
      assert.deepEqual(
        list.cached_images.map(({ image_id, hits, size }: Record<string, unknown>) => [image_id, hits, size]),
        [
          [first, 1, imageSize],
          [second, 0, imageSize],
        ],
      )
      for (const image of list.cached_images) {
        assert.deepEqual(Object.keys(image), ['image_id', 'hits', 'last_accessed', 'last_modified', 'size'])
        for (const time of [image.last_accessed, image.last_modified]) assert(before <= time && time <= after, text)
      }
      // As Python writes a float, so that a client in it gets one.
      for (const [, number] of text.matchAll(/"last_\w+": ([^,}]+)/g)) assert.match(String(number), /^\d+\.\d+$/)
    })

    test('PUT fetches at once what the caller may see, with 202', async (t) => {
      const { ask, expect, proxy, upstream } = await startManaged(t, driver)
      const id = imageId(1)
      const bytes = patternBytes(imageSize)
      upstream.addImage({ id, bytes })
      const held = upstream.nextFile(id, { holdHeaders: true })
      const got = await ask('PUT', `/v2/cache/${id}`, {
        'X-Auth-Token': 'mine',
        'Content-Type': 'application/octet-stream',
      })
      assert.equal(got.status, 202)
      assert.equal(got.body.length, 0)
      assert.deepEqual(await expect(200, 'GET', '/v2/cache'), { cached_images: [], queued_images: [id] })
      const described = upstream.requests.find(({ method, path }) => method === 'GET' && path === `/v2/images/${id}`)
      assert.equal(described?.header('x-auth-token'), 'mine')
      held.release()
      await proxy.committed(id)
      await eventually(async () => (await proxy.names('queue')).length === 0, 'it is not queued any more')
      assert.deepEqual((await get(proxy.image(id))).headers['cache-status'], 'afterimage; hit')
      assert.equal(upstream.downloads(id).length, 1)

      // Again, though it is cached: nothing is fetched (Glance downloads the whole image once more).
      await expect(202, 'PUT', `/v2/cache/${id}`)
      assert.deepEqual(await proxy.names('queue'), [])
      assert.equal(upstream.downloads(id).length, 1)
    })

    test('PUT of what cannot be cached: 404, 400, and the store in its own words', async (t) => {
      const { ask, tree, upstream } = await startManaged(t, driver)
      const before = await tree()
      const missing = await ask('PUT', `/v2/cache/${unknown}`)
      assert.equal(missing.status, 404)
      assert.equal(explanationIn(missing), `Image ${unknown} not found.`)
      for (const status of ['saving', 'queued', 'pending_delete', 'deactivated', 'importing', 'uploading']) {
        upstream.addImage({ id: imageId(1), bytes: patternBytes(10), status })
        const refused = await ask('PUT', `/v2/cache/${imageId(1)}`)
        assert.equal(refused.status, 400, status)
        assert.equal(explanationIn(refused), 'Only images with status active can be targeted for queueing')
      }
      upstream.access.know('good')
      const unauthorized = await ask('PUT', `/v2/cache/${imageId(1)}`, { 'X-Auth-Token': 'bad' })
      assert.equal(unauthorized.status, 401)
      assert.equal(unauthorized.headers['www-authenticate'], 'Keystone uri="http://127.0.0.1:5000"')
      assert.deepEqual(await tree(), before)
    })

    test('DELETE of one: its file, its entry and its place in the queue', async (t) => {
      const { ask, expect, cached, proxy, upstream } = await startManaged(t, driver)
      const [one = '', two = ''] = await cached(1, 2)
      await expect(200, 'PUT', `/v2/queued_images/${imageId(3)}`)
      assert.deepEqual(await expect(204, 'DELETE', `/v2/cache/${one}`), undefined)
      assert.deepEqual(await proxy.names(), [two])
      // Deleted in the store meanwhile: what is queued or cached here goes all the same.
      upstream.removeImage(two)
      await expect(204, 'DELETE', `/v2/cache/${two}`)
      await expect(204, 'DELETE', `/v2/cache/${imageId(3)}`)
      assert.deepEqual(await expect(200, 'GET', '/v2/cache'), nothing)
      // There, though neither cached nor queued; and nowhere at all.
      await expect(204, 'DELETE', `/v2/cache/${one}`)
      const missing = await ask('DELETE', `/v2/cache/${unknown}`)
      assert.equal(missing.status, 404)
      assert.equal(explanationIn(missing), `Image ${unknown} not found.`)
    })

    test('DELETE of one stops its prefetch', async (t) => {
      const { expect, proxy, upstream } = await startManaged(t, driver)
      const id = imageId(1)
      upstream.addImage({ id, bytes: patternBytes(2_000_000) })
      const held = upstream.nextFile(id, { stallAt: 1_000_000 })
      await expect(202, 'PUT', `/v2/cache/${id}`)
      await eventually(async () => (await proxy.names('incomplete')).includes(id), 'it is arriving')
      await expect(204, 'DELETE', `/v2/cache/${id}`)
      assert.deepEqual(await expect(200, 'GET', '/v2/cache'), nothing)
      await eventually(async () => (await proxy.metric('afterimage_fills_in_progress')) === 0, 'its fill has ended')
      held.release()
      assert.deepEqual(await proxy.names(), [])
    })

    test('DELETE of all, of the queue, of the cache; another target is refused and nothing is done', async (t) => {
      const { ask, expect, cached, proxy } = await startManaged(t, driver)
      const target = (value: string) => ({ 'x-image-cache-clear-target': value })
      const fill = async () => {
        await cached(1, 2)
        await expect(200, 'PUT', `/v2/queued_images/${imageId(3)}`)
      }
      await fill()
      const full = await proxy.names()
      for (const value of ['both', 'queued', 'cache,queue']) {
        const refused = await ask('DELETE', '/v2/cache', target(value))
        assert.equal(refused.status, 400, value)
        assert.match(
          explanationIn(refused),
          /^If provided .*x-image-cache-clear-target.* must be .*cache.*queue.* or empty/,
        )
      }
      assert.deepEqual([await proxy.names(), await proxy.names('queue')], [full, [imageId(3)]])
      await expect(204, 'DELETE', '/v2/cache', target('QUEUE'))
      assert.deepEqual([await proxy.names(), await proxy.names('queue')], [full, []])
      await fill()
      await expect(204, 'DELETE', '/v2/cache', target('cache'))
      assert.deepEqual([await proxy.names(), await proxy.names('queue')], [[], [imageId(3)]])
      await fill()
      await expect(204, 'DELETE', '/v2/cache')
      assert.deepEqual(await expect(200, 'GET', '/v2/cache'), nothing)
      await fill()
      await expect(204, 'DELETE', '/v2/cache', target(''))
      assert.deepEqual([await proxy.names(), await proxy.names('queue')], [[], []])
    })

    test('nodes: 409, as Glance without its central database; a body is refused first', async (t) => {
      const { ask } = await startManaged(t, driver)
      const got = await ask('GET', `/v2/cache/nodes/${imageId(1)}`)
      assert.equal(got.status, 409)
      assert.equal(explanationIn(got), 'Centralized caching is not enabled')
      for (const path of [`/v2/cache/nodes/${imageId(1)}`, '/v2/cache']) {
        const refused = await ask('GET', path, { 'Content-Length': '2' }, Buffer.from('{}'))
        assert.equal(refused.status, 400, path)
        assert.equal(explanationIn(refused), 'A body is not expected with this request.')
      }
    })

    test('clean removes what is invalid and what has stalled, not what is recent', async (t) => {
      const { ask, expect, proxy } = await startManaged(t, driver, ['--image-cache-stall-time=3600'])
      for (const place of ['invalid', 'incomplete']) await mkdir(join(proxy.dir, place), { recursive: true })
      await writeFile(join(proxy.dir, 'invalid', imageId(1)), 'bad')
      const old = new Date(Date.now() - 7_200_000)
      await writeFile(join(proxy.dir, 'incomplete', imageId(2)), 'old')
      await utimes(join(proxy.dir, 'incomplete', imageId(2)), old, old)
      await writeFile(join(proxy.dir, 'incomplete', imageId(3)), 'new')
      const got = await ask('POST', '/v2/cache/clean', { 'Content-Length': '2' }, Buffer.from('{}'))
      assert.deepEqual([got.status, got.body.length, got.headers['content-length']], [200, 0, '0'])
      assert.deepEqual([await proxy.names('invalid'), await proxy.names('incomplete')], [[], [imageId(3)]])
      await expect(200, 'POST', '/v2/cache/clean')
    })

    test('prune: counts what it removed, down to the limit', async (t) => {
      const { expect, cached, proxy } = await startManaged(t, driver, [`--image-cache-max-size=${3 * imageSize}`])
      assert.deepEqual(await expect(200, 'POST', '/v2/cache/prune'), { total_files_pruned: 0, total_bytes_pruned: 0 })
      await cached(1, 2, 3, 4, 5)
      const pruned = { total_files_pruned: 2, total_bytes_pruned: 2 * imageSize }
      assert.deepEqual(await expect(200, 'POST', '/v2/cache/prune'), pruned)
      assert.deepEqual(await proxy.names(), [imageId(3), imageId(4), imageId(5)])
    })
  })
}
