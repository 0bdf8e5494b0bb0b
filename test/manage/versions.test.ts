import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { get } from '../support/client.ts'
import { imageId } from '../support/image-id.ts'
import { startManaged } from '../support/managed.ts'
import { startProxy } from '../support/proxy.ts'
import type { ScriptedUpstream } from '../support/scripted-upstream.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { json, whole } from '../support/upstream-words.ts'

const links = [{ rel: 'self', href: 'http://images.example:9292/image/v2/' }]
const version = (minor: number, status: string) => ({ id: `v2.${minor}`, status, links })

/** What a Glance without a cache says. */
const glance = { versions: [version(15, 'CURRENT'), version(9, 'SUPPORTED'), version(0, 'SUPPORTED')] }

const announced = {
  versions: [version(18, 'CURRENT'), ...[17, 16, 15, 14, 9, 0].map((minor) => version(minor, 'SUPPORTED'))],
}

function says(upstream: ScriptedUpstream, answer: string): void {
  upstream.nextAnswer(
    () => true,
    async (request, wire) => {
      await request.body()
      await wire.write(request.method === 'HEAD' ? answer.slice(0, answer.indexOf('\r\n\r\n') + 4) : answer)
      return 'keep'
    },
  )
}

async function setUp(t: TestContext, flags: readonly string[] = []) {
  const managed = await startManaged(t, 'sqlite', flags)
  return { ...managed, says: (answer: string) => says(managed.upstream, answer) }
}

test('the cache API is announced among the versions of the image store, in its words and with its links', async (t) => {
  const { ask, upstream, says } = await setUp(t)
  for (const [path, status] of [
    ['/', 300],
    ['/versions', 200],
    ['/versions/', 200],
  ] as const) {
    says(json(status, glance))
    const got = await ask('GET', path, { Host: 'images.example:9292', 'X-Auth-Token': 'mine' })
    assert.equal(got.status, status)
    assert.deepEqual(JSON.parse(got.body.toString()), announced, path)
    assert.equal(got.headers['content-type'], 'application/json')
    assert.equal(got.headers['content-length'], String(got.body.length))
    const asked = upstream.requests.at(-1)
    assert.deepEqual([asked?.target, asked?.header('host')], [path, 'images.example:9292'])
  }
  says(json(200, glance))
  const head = await ask('HEAD', '/versions')
  assert.deepEqual([head.status, head.body.length], [200, 0])
  assert.equal(Number(head.headers['content-length']), JSON.stringify(announced).length)
})

test('a Glance that has them already keeps its own, and a newer one stays the current one', async (t) => {
  const { expect, says } = await setUp(t)
  const own = { versions: [version(19, 'CURRENT'), { ...version(14, 'EXPERIMENTAL'), more: 1 }], extra: true }
  says(json(200, own))
  assert.deepEqual(await expect(200, 'GET', '/versions'), {
    versions: [
      version(19, 'CURRENT'),
      ...[18, 17, 16, 15].map((minor) => version(minor, 'SUPPORTED')),
      { ...version(14, 'EXPERIMENTAL'), more: 1 },
    ],
    extra: true,
  })
})

test('whatever else the store answers passes as it is', async (t) => {
  const { ask, says } = await setUp(t)
  const large = JSON.stringify({ ...glance, more: 'x'.repeat(1_200_000) })
  for (const [status, body] of [
    [200, '<html>not JSON</html>'],
    [200, '[]'],
    [200, 'null'],
    [200, '{"versions": {}}'],
    [200, '{"versions": []}'],
    [200, '{"versions": [{"id": "v3.0", "status": "CURRENT"}]}'],
    [200, '{"versions": [{"id": 2, "status": "CURRENT"}]}'],
    [200, large],
    [503, 'busy'],
  ] as const) {
    // Asked for a look at it, and again to be passed on.
    for (let asked = 0; asked < 2; asked++) says(whole(status, body, [['X-Mine', 'kept']]))
    const got = await ask('GET', '/versions')
    assert.deepEqual(
      [got.status, got.body.toString() === body, got.headers['x-mine']],
      [status, true, 'kept'],
      body.slice(0, 60),
    )
  }
})

test('the store cannot be reached: 502', async (t) => {
  const proxy = await startProxy(t, { upstream: 'http://127.0.0.1:1', driver: 'sqlite' })
  assert.equal((await get(`${proxy.url}/versions`)).status, 502)
})

test('managing is disabled: the store says what there is', async (t) => {
  const { expect, says, ask, upstream } = await setUp(t, ['--management-auth=disabled'])
  says(json(200, glance))
  assert.deepEqual(await expect(200, 'GET', '/versions'), glance)
  await ask('GET', '/v2.18/images')
  assert.equal(upstream.requests.at(-1)?.target, '/v2.18/images')
})

test('a version that we announced is negotiated by us: the store need not know it', async (t) => {
  const { ask, upstream, proxy } = await setUp(t)
  const id = imageId(1)
  const bytes = patternBytes(5000)
  upstream.addImage({ id, bytes })
  for (const [target, seen] of [
    ['/v2.14/images?limit=1', '/v2/images?limit=1'],
    [`/v2.18/images/${id}`, `/v2/images/${id}`],
    ['/v2.15/schemas/%69mage', '/v2/schemas/%69mage'],
    ['/v2.9/images', '/v2.9/images'],
    ['/v2.19/images', '/v2.19/images'],
    ['/v2.18', '/v2.18'],
    ['/x/v2.18/images', '/x/v2.18/images'],
  ] as const) {
    await ask('GET', target)
    assert.equal(upstream.requests.at(-1)?.target, seen)
  }
  const got = await get(`${proxy.url}/v2.18/images/${id}/file`)
  assert(got.body.equals(bytes))
  await proxy.committed(id)
})

test('the embedded store announces it too', async (t) => {
  const images = join(await tempDir(t), 'images')
  await mkdir(images)
  for (const auth of ['none', 'disabled']) {
    const proxy = await startProxy(t, { images, driver: 'sqlite', flags: [`--management-auth=${auth}`] })
    for (const [path, status] of [
      ['/', 300],
      ['/versions', 200],
    ] as const) {
      const got = await get(proxy.url + path)
      assert.equal(got.status, status)
      const { versions } = JSON.parse(got.body.toString())
      const ids = versions.map(({ id }: { id: string }) => id)
      assert.deepEqual(ids.slice(0, 3), auth === 'none' ? ['v2.18', 'v2.17', 'v2.16'] : ['v2.17', 'v2.15', 'v2.9'])
      assert.equal(versions[0].status, 'CURRENT')
      assert.deepEqual(versions[0].links, [{ rel: 'self', href: `${proxy.url}/v2/` }])
      assert.equal(versions.filter((one: { status: string }) => one.status === 'CURRENT').length, 1)
    }
  }
})
