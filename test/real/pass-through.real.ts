import { deepEqual, equal, ok } from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { type Ask, ask, mustAsk, textAt } from './ask.ts'
import { download } from './download.ts'
import { eventually } from './eventually.ts'
import { createImage, createRecord, filePath, randomImage } from './images.ts'
import { projectIdOf, tokenOf } from './keystone.ts'
import { type RunningProxy, startProxy } from './proxy.ts'
import { sameAnswer } from './same-answer.ts'
import { stack } from './stack.ts'
import { serve } from './web-server.ts'

const MiB = 1024 * 1024

let proxy: RunningProxy
let alice: string
let admin: string
before(async () => {
  // Without managing: what that adds to the versions is shown elsewhere.
  proxy = await startProxy({ auth: 'disabled' })
  alice = await tokenOf('alice')
  admin = await tokenOf('admin')
})
after(() => proxy[Symbol.asyncDispose]())

test('what Glance says of itself and of its images comes through as it is', async () => {
  const { id } = await createImage(alice, 1 * MiB)
  const paths = [
    '/',
    '/versions',
    '/v2',
    '/v2/',
    '/v2/images?limit=2&sort=created_at:desc',
    '/v2/images?name=in:%22a%2Cb%22',
    `/v2/images/${id}`,
    `/v2/images/${id}/members`,
    `/v2/images/${id}/tasks`,
    '/v2/schemas/images',
    '/v2/schemas/member',
    '/v2/metadefs/namespaces',
    '/v2/info/stores',
    '/v2/info/import',
    '/v2/info/usage',
  ]
  for (const path of paths) await sameAnswer(proxy.url, path, { token: alice })
  for (const path of ['/v2/tasks', '/v2/schemas/tasks']) await sameAnswer(proxy.url, path, { token: admin })
})

test('so do its refusals', async () => {
  const { id } = await createImage(alice, 1 * MiB)
  const empty = await createRecord(alice)
  const requests: readonly [string, Ask][] = [
    ['/v2/images', {}],
    ['/v2/images/no-such-image', { token: alice }],
    ['/v2/images/no-such-image/file', { token: alice }],
    ['/v2/images/%2e%2e/file', { token: alice }],
    ['/v2/no-such-thing', { token: alice }],
    ['/v3/images', { token: alice }],
    ['/v2/images', { method: 'POST', token: alice, json: { disk_format: 'no such format' } }],
    ['/v2/images', { method: 'PUT', token: alice, json: {} }],
    [`/v2/images/${empty}/file`, { token: alice }],
    [`/v2/images/${id}/file`, { method: 'PUT', token: alice, headers: { 'content-type': 'text/plain' }, body: 'x' }],
    [`/v2/images/${id}/file`, { token: alice, headers: { range: 'bytes=0-1,5-6' } }],
    [`/v2/images/${id}/file`, { method: 'HEAD', token: alice }],
    [`/v2/images/${id}/actions/reactivate`, { method: 'POST' }],
    ['/v2/tasks', { method: 'POST', token: alice, json: { type: 'import', input: {} } }],
  ]
  for (const [path, options] of requests) {
    const { status } = await sameAnswer(proxy.url, path, options)
    ok(status >= 204, `${options.method ?? 'GET'} ${path}: ${status}`)
  }
})

test('an upload of 300 MiB streams through: the proxy does not grow', async () => {
  // What every upload needs, however small.
  await createImage(alice, 64 * MiB, proxy.url)
  const before = await peakMemory(proxy.pid)
  const image = await createImage(alice, 300 * MiB, proxy.url)
  const grown = (await peakMemory(proxy.pid)) - before
  ok(grown < 64 * MiB, `it grew by ${(grown / MiB).toFixed()} MiB`)
  equal((await download(stack.glanceUrl + filePath(image.id), { token: alice })).sha256, image.sha256, 'at Glance')
})

test('imports work: staged data (glance-direct), and a web server that Glance fetches from (web-download)', async () => {
  const direct = await createRecord(alice, proxy.url)
  const staged = randomImage(8 * MiB)
  const headers = { 'content-type': 'application/octet-stream' }
  const stage = `${proxy.url}/v2/images/${direct}/stage`
  await mustAsk(stage, { method: 'PUT', token: alice, headers, body: staged.bytes })
  await importBy(direct, { name: 'glance-direct' })
  equal((await download(proxy.url + filePath(direct), { token: alice })).sha256, staged.sha256())

  const served = randomImage(8 * MiB)
  await using web = await serve(await buffer(served.bytes))
  const fetched = await createRecord(alice, proxy.url)
  await importBy(fetched, { name: 'web-download', uri: web.url })
  equal((await download(proxy.url + filePath(fetched), { token: alice })).sha256, served.sha256())
})

test('properties, tags, members and metadata definitions can be changed through it', async () => {
  const { id } = await createImage(alice, 1 * MiB)
  const image = `${proxy.url}/v2/images/${id}`
  const patch = JSON.stringify([{ op: 'add', path: '/colour', value: 'grün' }])
  const headers = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
  await mustAsk(image, { method: 'PATCH', token: alice, headers, body: patch })
  await mustAsk(`${image}/tags/a%20tag`, { method: 'PUT', token: alice })
  const record = await mustAsk(`${stack.glanceUrl}/v2/images/${id}`, { token: alice })
  equal(textAt(record, 'colour'), 'grün')
  equal(textAt(record, 'tags', '0'), 'a tag')

  const bob = await tokenOf('bob')
  const member = await projectIdOf('bob')
  equal((await ask(image, { token: bob })).status, 404)
  await mustAsk(`${image}/members`, { method: 'POST', token: alice, json: { member } })
  const status = 'accepted'
  await mustAsk(`${image}/members/${member}`, { method: 'PUT', token: bob, json: { status } })
  equal((await sameAnswer(proxy.url, `/v2/images/${id}`, { token: bob })).status, 200)

  const namespaces = `${proxy.url}/v2/metadefs/namespaces`
  const namespace = `Test::${id}`
  await mustAsk(namespaces, { method: 'POST', token: admin, json: { namespace, visibility: 'public' } })
  equal((await sameAnswer(proxy.url, `/v2/metadefs/namespaces/${namespace}`, { token: alice })).status, 200)
  await mustAsk(`${namespaces}/${namespace}`, { method: 'DELETE', token: admin })
  deepEqual((await ask(`${stack.glanceUrl}/v2/metadefs/namespaces/${namespace}`, { token: alice })).status, 404)
})

async function importBy(id: string, method: Readonly<{ name: string; uri?: string }>): Promise<void> {
  const image = `${proxy.url}/v2/images/${id}`
  await mustAsk(`${image}/import`, { method: 'POST', token: alice, json: { method } })
  await eventually(`the import by ${method.name}`, 30, async () => {
    return textAt(await mustAsk(image, { token: alice }), 'status') === 'active'
  })
}

/** The most memory the process has had resident so far, in bytes. */
async function peakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
