import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { get } from '../support/client.ts'
import { imageId } from '../support/image-id.ts'
import { startManaged } from '../support/managed.ts'
import { drivers } from '../support/proxy.ts'
import { rawClient, request } from '../support/upstream-raw-client.ts'

/** A request whose target goes out as it stands here. */
async function raw(t: TestContext, url: string, method: string, target: string) {
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: images.example:9292', 'Connection: close']
  return request(t, Number(new URL(url).port), lines)
}

const longId = 'a'.repeat(300)
const noIds = [
  'cache.db',
  'cache.db-wal',
  'incomplete',
  'invalid',
  'queue',
  '.afterimage',
  '.',
  '..',
  '../x',
  '../../etc/passwd',
  '%2e%2e',
  '%2e%2e%2fcache.db',
  '..%2F..%2Fx',
  '%00',
  'detail',
  'all',
  longId,
  imageId(1).replace('-4', '-%34'),
  `${imageId(1)}%0a`,
  `${imageId(1)}.tmp`,
  `%20${imageId(1)}`,
  'ABCDEF00-0000-4000-8000-000000000001',
  '',
]

for (const driver of drivers) {
  test(`what is no image id: 404, and nothing is touched or asked for (${driver})`, async (t) => {
    const { proxy, tree, cached, upstream, expect } = await startManaged(t, driver)
    await cached(1)
    await expect(200, 'PUT', `/v2/queued_images/${imageId(2)}`)
    await writeFile(join(proxy.dir, 'incomplete', 'x'), 'not ours')
    await writeFile(join(proxy.dir, 'x'), 'not ours')
    const [before, listed, asked] = [await tree(), await expect(200, 'GET', '/v2/cache'), upstream.requests.length]
    for (const [method, place] of [
      ['PUT', '/v2/cache/{}'],
      ['DELETE', '/v2/cache/{}'],
      ['PUT', '/v2/queued_images/{}'],
      ['PUT', '/queued-images/{}'],
      ['DELETE', '/v2/queued_images/{}'],
      ['DELETE', '/v2/cached_images/{}'],
      ['DELETE', '/cached-images/{}'],
      ['GET', '/api/v1/cache/images/{}'],
      ['PUT', '/api/v1/cache/images/{}/pin'],
      ['DELETE', '/api/v1/cache/images/{}/pin'],
      ['POST', '/api/v1/cache/images/{}/verify'],
    ] as const) {
      for (const id of noIds) {
        const got = await raw(t, proxy.url, method, place.replace('{}', id))
        assert.equal(got.status, 404, `${method} ${place.replace('{}', id)}`)
      }
    }
    assert.deepEqual(
      [await tree(), await expect(200, 'GET', '/v2/cache'), upstream.requests.length],
      [before, listed, asked],
    )
  })
}

describe('targets of the cache-manage endpoints', () => {
  test('other methods: 405 and what is allowed; the old endpoints have none: 404', async (t) => {
    const { proxy, upstream } = await startManaged(t, 'sqlite')
    const id = imageId(1)
    for (const [path, allow, methods] of [
      ['/v2/cache', 'GET, DELETE', ['HEAD', 'POST', 'PUT', 'PATCH', 'PROPFIND']],
      [`/v2/cache/${id}`, 'DELETE, PUT', ['GET', 'HEAD', 'POST', 'PATCH']],
      ['/v2/cache/nodes', 'DELETE, PUT', ['GET']],
      [`/v2/cache/nodes/${id}`, 'GET', ['HEAD', 'PUT', 'DELETE']],
      ['/v2/cache/clean', 'POST', ['GET', 'HEAD', 'PUT', 'DELETE']],
      ['/v2.18/cache/prune', 'POST', ['GET', 'HEAD', 'PUT', 'DELETE']],
      ['/api/v1/cache/images', 'GET', ['HEAD', 'DELETE']],
      [`/api/v1/cache/images/${id}/pin`, 'PUT, DELETE', ['GET']],
      ['/api/v1/cache/prefetch', 'POST', ['GET']],
    ] as const) {
      for (const method of methods) {
        const got = await get(proxy.url + path, { method })
        assert.deepEqual([got.status, got.headers.allow], [405, allow], `${method} ${path}`)
        if (method === 'HEAD') assert.equal(got.body.length, 0)
        else assert.match(got.body.toString(), new RegExp(`The method ${method} is not allowed for this resource\\.`))
      }
    }
    for (const [method, path] of [
      ['HEAD', '/v2/cached_images'],
      ['POST', '/v2/cached_images'],
      ['PUT', `/v2/cached_images/${id}`],
      ['GET', `/v2/queued_images/${id}`],
      ['PUT', '/v2/queued_images'],
      ['GET', '/v2/cached_images/'],
      ['GET', '/v2/cache/'],
      ['DELETE', `/v2/cache/${id}/`],
      ['POST', '/v2/cache/clean/'],
      ['POST', '/v2/cache/prune/now'],
      ['GET', '/api/v1/cache'],
      ['GET', `/api/v1/cache/images/${id}/`],
    ] as const) {
      assert.equal((await get(proxy.url + path, { method })).status, 404, `${method} ${path}`)
    }
    assert.deepEqual(upstream.requests, [])
  })

  test('every version that Glance takes for it, and the spellings of old clients', async (t) => {
    const { proxy, upstream, expect } = await startManaged(t, 'sqlite')
    for (const version of ['v2', 'v2.0', 'v2.7', 'v2.9', 'v2.14', 'v2.15', 'v2.16', 'v2.17', 'v2.18']) {
      const list = await expect(200, 'GET', `/${version}/cache`)
      assert.deepEqual(list, { cached_images: [], queued_images: [] }, version)
      assert.deepEqual(await expect(200, 'GET', `/${version}/cached_images`), { cached_images: [] })
    }
    for (const prefix of ['', '/v2', '/v2.15']) {
      for (const mark of ['_', '-']) {
        const queued = `${prefix}/queued${mark}images`
        assert.deepEqual(await expect(200, 'GET', `${prefix}/cached${mark}images`), { cached_images: [] })
        assert.equal(await expect(200, 'PUT', `${queued}/${imageId(1)}`), null)
        assert.deepEqual(await expect(200, 'GET', queued), { queued_images: [imageId(1)] })
        assert.deepEqual(await expect(200, 'DELETE', queued), { num_deleted: 1 })
      }
    }
    assert.deepEqual(await expect(200, 'GET', '/v2/cache?anything=1'), { cached_images: [], queued_images: [] })
    assert.equal(upstream.requests.length, 0)

    // Not ours: the store says what it thinks of them.
    for (const target of [
      '/v3/cache',
      '/v2.19/cache',
      '/cache',
      '/v1/cached_images',
      '/v2//cache',
      '/v2/caches',
      '/V2/cache',
    ]) {
      assert.equal((await raw(t, proxy.url, 'GET', target)).status, 200)
      assert.equal(upstream.requests.at(-1)?.target, target)
    }
  })

  test('a body that nobody reads spoils neither the answer nor the connection', async (t) => {
    const { proxy, upstream } = await startManaged(t, 'sqlite')
    upstream.addImage({ id: imageId(1), bytes: Buffer.from('x') })
    const client = await rawClient(t, Number(new URL(proxy.url).port))
    const body = `{"x":"${'y'.repeat(300_000)}`
    for (const [method, path, status] of [
      ['PUT', `/v2/cache/${imageId(1)}`, 202],
      ['POST', '/v2/cache/clean', 200],
      ['PUT', `/v2/cache/${imageId(9)}`, 404],
      ['GET', '/v2/cache', 400],
      ['GET', '/v2/cached_images', 400],
      ['DELETE', '/v2/cache', 204],
      ['DELETE', '/v2/queued_images', 200],
    ] as const) {
      client.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      const got = await client.answer(method)
      assert.equal(got.status, status, `${method} ${path}`)
    }
  })

  test('what browsers may do is for the image store to say', async (t) => {
    const { ask, upstream } = await startManaged(t, 'sqlite')
    assert.equal((await ask('OPTIONS', '/v2/cache')).status, 200)
    assert.equal(upstream.requests.at(-1)?.method, 'OPTIONS')
  })
})
