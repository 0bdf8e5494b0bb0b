import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { imageId } from '../support/image-id.ts'
import { explanationIn, imageSize, startManaged } from '../support/managed.ts'
import { drivers } from '../support/proxy.ts'

type Listed = { cached_images: Array<Record<string, unknown>> }

for (const driver of drivers) {
  describe(`/v2/cached_images and /v2/queued_images (${driver})`, () => {
    test('PUT makes an empty file in queue/ and nothing else, whatever the image is', async (t) => {
      const { expect, tree, proxy, upstream } = await startManaged(t, driver)
      const before = await tree()
      const id = imageId(1)
      assert.equal(await expect(200, 'PUT', `/v2/queued_images/${id}`), null)
      assert.deepEqual(await tree(), [...before, `queue/${id}`].sort())
      assert.equal((await stat(join(proxy.dir, 'queue', id))).size, 0)
      // Again, and of an image that is cached: no more than that.
      assert.equal(await expect(200, 'PUT', `/v2/queued_images/${id}`), null)
      assert.deepEqual(await expect(200, 'GET', '/v2/queued_images'), { queued_images: [id] })
      assert.deepEqual(upstream.requests, [])
    })

    test('an image that is cached is not queued', async (t) => {
      const { expect, cached, proxy } = await startManaged(t, driver)
      const [id = ''] = await cached(1)
      assert.equal(await expect(200, 'PUT', `/v2/queued_images/${id}`), null)
      assert.deepEqual(await proxy.names('queue'), [])
    })

    test('lists, removes one, which need not be there, and all', async (t) => {
      const { ask, expect, cached, proxy } = await startManaged(t, driver)
      const [one = '', two = '', three = ''] = await cached(1, 2, 3)
      for (const number of [4, 5, 6]) await expect(200, 'PUT', `/v2/queued_images/${imageId(number)}`)
      const listed = (await expect(200, 'GET', '/v2/cached_images')) as Listed // our own answer's form
      assert.deepEqual(
        listed.cached_images.map(({ image_id, size }) => [image_id, size]),
        [one, two, three].map((id) => [id, imageSize]),
      )
      assert.deepEqual(Object.keys(listed), ['cached_images'])

      assert.equal(await expect(200, 'DELETE', `/v2/cached_images/${one}`), null)
      assert.equal(await expect(200, 'DELETE', `/v2/cached_images/${one}`), null)
      assert.deepEqual(await proxy.names(), [two, three])
      assert.equal(await expect(200, 'DELETE', `/v2/queued_images/${imageId(4)}`), null)
      assert.equal(await expect(200, 'DELETE', `/v2/queued_images/${imageId(4)}`), null)
      assert.deepEqual(await proxy.names('queue'), [imageId(5), imageId(6)])

      assert.deepEqual(await expect(200, 'DELETE', '/v2/cached_images'), { num_deleted: 2 })
      assert.deepEqual(await expect(200, 'DELETE', '/v2/queued_images'), { num_deleted: 2 })
      assert.deepEqual([await proxy.names(), await proxy.names('queue')], [[], []])
      assert.deepEqual(await expect(200, 'DELETE', '/v2/cached_images'), { num_deleted: 0 })
      const got = await ask('GET', '/v2/cached_images')
      assert.equal(got.headers['content-type'], 'application/json')
    })
  })
}

test('cached_images_api = false: 404, as Glance without its filter; the new endpoints stay', async (t) => {
  const { ask, expect, tree, upstream } = await startManaged(t, 'sqlite', ['--management-cached-images-api=false'])
  const before = await tree()
  for (const [method, path] of [
    ['GET', '/v2/cached_images'],
    ['DELETE', '/cached-images'],
    ['PUT', `/v2/queued_images/${imageId(1)}`],
    ['GET', '/queued-images'],
  ] as const) {
    const got = await ask(method, path)
    assert.equal(got.status, 404, path)
    assert.equal(explanationIn(got), 'The resource could not be found.')
  }
  assert.deepEqual([await tree(), upstream.requests], [before, []])
  await expect(200, 'GET', '/v2/cache')
})
