import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { get } from '../support/client.ts'
import { imageId } from '../support/image-id.ts'
import { explanationIn, type Managed, startManaged } from '../support/managed.ts'
import { type DriverName, drivers } from '../support/proxy.ts'
import { startKeystone } from '../support/scripted-keystone.ts'
import { request } from '../support/upstream-raw-client.ts'

const [cached, queued, left] = [imageId(1), imageId(2), imageId(3)]

/** Every endpoint, with the policy that a refusal names. */
const endpoints = [
  ['GET', '/v2/cache', 'cache_list'],
  ['PUT', `/v2/cache/${left}`, 'cache_image'],
  ['PUT', `/v2/cache/${imageId(404)}`, 'cache_image'],
  ['DELETE', `/v2/cache/${cached}`, 'cache_delete'],
  ['DELETE', '/v2/cache', 'cache_delete'],
  ['GET', `/v2/cache/nodes/${cached}`, 'list_cached_nodes'],
  ['POST', '/v2/cache/clean', 'cache_clean'],
  ['POST', '/v2/cache/prune', 'cache_prune'],
  ['GET', '/v2/cached_images', 'manage_image_cache'],
  ['DELETE', '/v2/cached_images', 'manage_image_cache'],
  ['DELETE', `/v2/cached_images/${cached}`, 'manage_image_cache'],
  ['GET', '/queued-images', 'manage_image_cache'],
  ['DELETE', '/v2/queued-images', 'manage_image_cache'],
  ['PUT', `/queued_images/${left}`, 'manage_image_cache'],
  ['DELETE', `/v2.3/queued_images/${queued}`, 'manage_image_cache'],
  ['GET', '/api/v1/cache/images', 'cache_list'],
  ['GET', `/api/v1/cache/images/${cached}`, 'cache_list'],
  ['PUT', `/api/v1/cache/images/${cached}/pin`, 'manage_image_cache'],
  ['DELETE', `/api/v1/cache/images/${cached}/pin`, 'manage_image_cache'],
  ['POST', `/api/v1/cache/images/${cached}/verify`, 'manage_image_cache'],
  ['GET', '/api/v1/cache/incomplete', 'cache_list'],
  ['GET', '/api/v1/cache/queue', 'cache_list'],
  ['POST', '/api/v1/cache/prefetch', 'manage_image_cache'],
] as const

/** Something to lose in every place, and a limit that a prune would act on. */
async function setUp(t: TestContext, driver: DriverName) {
  const keystone = await startKeystone(t, { admin: ['Admin'], alice: ['member', 'reader'], nothing: undefined })
  const flags = [`--keystone-auth-url=${keystone.url}/v3`, '--image-cache-max-size=0']
  const managed = await startManaged(t, driver, flags)
  await managed.cached(1)
  await managed.expect(200, 'PUT', `/v2/queued_images/${queued}`, { 'X-Auth-Token': 'admin' })
  const state = async () => {
    const shown = await managed.ask('GET', `/api/v1/cache/images/${cached}`, { 'X-Auth-Token': 'admin' })
    // Not its bytes: reading them would be a use of the image where the file's own times count (xattr).
    const { ino, size, mtimeMs, atimeMs } = await stat(join(managed.proxy.dir, cached))
    return [await managed.tree(), shown.body.toString(), { ino, size, mtimeMs, atimeMs }]
  }
  return { ...managed, keystone, state }
}

/** On the main listener, and ours on the operator's too. */
const listeners = ({ proxy }: Managed, path: string): string[] =>
  path.startsWith('/api/') ? [proxy.url + path, proxy.operatorUrl + path] : [proxy.url + path]

for (const driver of drivers) {
  describe(`who may manage the cache (${driver})`, () => {
    test('every endpoint: 401 without a token that holds, 403 without the role, and nothing has changed', async (t) => {
      const managed = await setUp(t, driver)
      const { upstream, keystone, state } = managed
      const before = await state()
      const asked = upstream.requests.length
      for (const [method, path, policy] of endpoints) {
        for (const url of listeners(managed, path)) {
          const what = `${method} ${url}`
          for (const headers of [
            {},
            { 'X-Auth-Token': '' },
            { 'X-Auth-Token': 'expired' },
            { 'X-Auth-Token': ['admin', 'admin'] },
            { 'X-Roles': 'admin', 'X-Identity-Status': 'Confirmed', 'X-Is-Admin-Project': 'True' },
          ]) {
            const got = await get(url, { method, headers })
            assert.equal(got.status, 401, what)
            assert.equal(got.headers['www-authenticate'], `Keystone uri="${keystone.url}"`)
            assert.match(explanationIn(got), /^This server could not verify that you are authorized to access/)
          }
          for (const token of ['alice', 'nothing']) {
            const got = await get(url, { method, headers: { 'X-Auth-Token': token, Accept: '*/*' } })
            assert.equal(got.status, 403, what)
            assert.equal(explanationIn(got), `You are not authorized to complete ${policy} action.`)
          }
        }
      }
      assert.deepEqual(await state(), before)
      assert.equal(upstream.requests.length, asked, 'the image store was not asked on behalf of any of them')
    })
  })
}

describe('who may manage the cache', () => {
  test('an admin may; whose role is taken away may not any more', async (t) => {
    const { ask, expect, keystone } = await setUp(t, 'sqlite')
    const admin = { 'X-Auth-Token': 'admin' }
    await expect(200, 'GET', '/v2/cache', admin)
    await expect(204, 'DELETE', `/v2/cache/${cached}`, admin)
    keystone.tokens.set('admin', ['member'])
    assert.equal((await ask('GET', '/v2/cache', admin)).status, 403)
    keystone.tokens.delete('admin')
    assert.equal((await ask('GET', '/v2/cache', admin)).status, 401)
  })

  test('the token first, then whether there is such an endpoint, then a body, then the role', async (t) => {
    const { ask } = await setUp(t, 'sqlite')
    const body = Buffer.from('{}')
    const statuses = async (method: string, path: string, withBody: boolean) => {
      const asked = [{}, { 'X-Auth-Token': 'alice' }].map(async (token) => {
        const framing = withBody ? { 'Content-Length': '2' } : {}
        return (await ask(method, path, { ...token, ...framing }, withBody ? body : undefined)).status
      })
      return Promise.all(asked)
    }
    assert.deepEqual(await statuses('POST', '/v2/cache', false), [401, 405])
    assert.deepEqual(await statuses('GET', '/v2/cache/', false), [401, 404])
    assert.deepEqual(await statuses('GET', '/v2/cache', true), [401, 400])
    assert.deepEqual(await statuses('DELETE', '/v2/cache/nonsense', false), [401, 403])
  })

  test('other roles may be named', async (t) => {
    const keystone = await startKeystone(t, { one: ['cache-operator'], two: ['admin'] })
    const flags = [`--keystone-auth-url=${keystone.url}`, '--management-admin-roles=root,Cache-Operator']
    const { ask } = await startManaged(t, 'sqlite', flags)
    assert.equal((await ask('GET', '/v2/cache', { 'X-Auth-Token': 'one' })).status, 200)
    assert.equal((await ask('GET', '/v2/cache', { 'X-Auth-Token': 'two' })).status, 403)
  })

  test('Keystone fails: 503, and nobody is let in', async (t) => {
    const { ask, keystone, state, proxy } = await setUp(t, 'sqlite')
    const before = await state()
    keystone.answer = { status: 500, body: '' }
    const admin = { 'X-Auth-Token': 'admin' }
    const got = await ask('DELETE', '/v2/cache', admin)
    assert.equal(got.status, 503)
    assert.equal(explanationIn(got), 'The Keystone service is temporarily unavailable.')
    keystone.answer = undefined
    assert.deepEqual(await state(), before)
    // Downloads do not need it.
    assert.equal((await get(proxy.image(cached))).status, 200)
  })

  test('an error has the form that is accepted', async (t) => {
    const { ask, proxy } = await setUp(t, 'sqlite')
    for (const [accept, type, start] of [
      [undefined, 'text/plain; charset=UTF-8', '403 Forbidden\n\nYou are not'],
      ['text/plain', 'text/plain; charset=UTF-8', '403 Forbidden\n\nYou are not'],
      ['*/*', 'text/html; charset=UTF-8', '<html>\n <head>\n  <title>403 Forbidden</title>'],
      ['application/json', 'application/json', '{"message":"You are not'],
      ['application/json, */*;q=0.5', 'application/json', '{"message":"You are not'],
      ['text/html;q=0.1, application/*', 'application/json', '{"message":"You are not'],
      ['application/json;q=0, text/*', 'text/html; charset=UTF-8', '<html>'],
    ] as const) {
      const headers = { 'X-Auth-Token': 'alice', ...(accept === undefined ? {} : { Accept: accept }) }
      const got = await ask('GET', '/v2/cache', headers)
      assert.equal(got.headers['content-type'], type, accept)
      assert(got.body.toString().startsWith(start), got.body.toString())
      assert.equal(explanationIn(got), 'You are not authorized to complete cache_list action.')
    }
    // What a client wrote is never a part of the page.
    const lines = ['DELETE /v2/cache/<script>"\'& HTTP/1.1', 'Host: x', 'X-Auth-Token: admin', 'Accept: text/html']
    const page = await request(t, Number(new URL(proxy.url).port), lines)
    assert.equal(page.status, 404)
    assert.match(page.body.toString(), /Image &lt;script&gt;&quot;&#x27;&amp; not found\./)
  })

  test('none: everybody; disabled: nobody, as where there is no cache, and nothing is passed to the store', async (t) => {
    const open = await startManaged(t, 'sqlite', ['--management-auth=none'])
    assert.equal((await open.ask('GET', '/v2/cache')).status, 200)
    const keystone = await startKeystone(t, { admin: ['admin'] })
    const flags = ['--management-auth=disabled', `--keystone-auth-url=${keystone.url}`]
    const shut = await startManaged(t, 'sqlite', flags)
    await shut.cached(1)
    const before = [await shut.tree(), shut.upstream.requests.length]
    for (const [method, path] of endpoints) {
      for (const url of listeners(shut, path)) {
        const got = await get(url, { method, headers: { 'X-Auth-Token': 'admin' } })
        assert.equal(got.status, 404, `${method} ${path}`)
        assert.equal(explanationIn(got), 'Caching via API is not supported at this site.')
      }
    }
    assert.deepEqual([await shut.tree(), shut.upstream.requests.length], before)
    assert.deepEqual(keystone.requests, [])
  })
})
