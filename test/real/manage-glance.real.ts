import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ask, mustAsk } from './ask.ts'
import { credentialsOf, type RunOptions } from './command.ts'
import { eventually } from './eventually.ts'
import { createImage, createRecord } from './images.ts'
import { tokenOf } from './keystone.ts'
import { type Both, startBoth } from './manage-both.ts'

// The real `glance cache-…`, before Afterimage and before Glance with its cache.
const running = new AsyncDisposableStack()
let both: Both
let ids: string[]
let token: string
before(async () => {
  both = running.use(await startBoth())
  token = await tokenOf('alice')
  ids = []
  for (const size of [1_000, 70_000, 3_000_000]) ids.push((await createImage(token, size)).id)
})
after(() => running.disposeAsync())

const admin: RunOptions = { env: credentialsOf('admin') }
const client =
  (...args: string[]) =>
  (url: URL) =>
    ['glance', `--os-image-url=${url.origin}`, ...args] as const
const nobody = '11111111-1111-4111-8111-111111111111'

test('cache-list of an empty cache', async () => {
  equal((await both.same(client('cache-list'), admin)).status, 0)
})

test('cache-queue fetches at once, several images too', async () => {
  equal((await both.same(client('cache-queue', ...ids), admin)).stdout, '')
  await cachedInBoth()
  const { stdout } = await both.same(client('cache-list'), admin)
  for (const id of ids) match(stdout, new RegExp(`^\\| ${id} \\| cached `, 'm'))
  deepEqual(await both.names('queue'), [[], []])
})

test('cache-queue of an image that nobody knows, or that has no data', async () => {
  const record = await createRecord(token)
  const { stderr } = await both.same(client('cache-queue', nobody, record, 'nonsense'), admin)
  match(stderr, /HTTP 404 Not Found/)
  match(stderr, /HTTP 400 Bad Request/)
  deepEqual(await both.names('queue'), [[], []])
})

test('cache-list shows what is queued', async () => {
  // As the old API queues it, for a prefetcher that has not come yet.
  const record = await createRecord(token)
  const options = { method: 'PUT', token: await tokenOf('admin') } as const
  for (const { url } of [both.glance, both.proxy]) await mustAsk(`${url}/v2/queued_images/${record}`, options)
  match(
    (await both.same(client('cache-list'), admin)).stdout,
    new RegExp(`^\\| ${record} \\| queued +\\| +N/A +\\|`, 'm'),
  )
})

test('cache-delete of cached, queued and unknown images', async () => {
  const [gone = '', ...rest] = ids
  const [queued] = await both.names('queue')
  equal((await both.same(client('cache-delete', gone, ...(queued ?? [])), admin)).stdout, '')
  deepEqual(await both.names('queue'), [[], []])
  deepEqual(await both.names(), [rest.sort(), rest.sort()])
  match((await both.same(client('cache-delete', nobody), admin)).stderr, /HTTP 404 Not Found/)
  equal((await both.same(client('cache-delete', gone), admin)).stdout, '', 'which exists, but is not cached')
})

for (const [target, cached, queued] of [
  ['queue', true, false],
  ['cache', false, true],
  ['both', false, false],
  [undefined, false, false],
] as const) {
  test(`cache-clear${target === undefined ? '' : ` --target ${target}`}`, async () => {
    const record = await createRecord(token)
    const options = { method: 'PUT', token: await tokenOf('admin') } as const
    for (const { url } of [both.glance, both.proxy]) await mustAsk(`${url}/v2/queued_images/${record}`, options)
    for (const id of ids) await both.download(id, token)
    const { stdout } = await both.same(
      client('cache-clear', ...(target === undefined ? [] : ['--target', target])),
      admin,
    )
    equal(stdout, '')
    for (const names of await both.names()) deepEqual(names, cached ? [...ids].sort() : [])
    for (const names of await both.names('queue')) equal(names.includes(record), queued)
  })
}

test('cache-clear of something else is refused by the client itself', async () => {
  equal((await both.same(client('cache-clear', '--target', 'everything'), admin)).status, 2)
})

test('who may not is told so', async () => {
  for (const id of ids) await both.download(id, token)
  const alice: RunOptions = { env: credentialsOf('alice') }
  for (const args of [['cache-list'], ['cache-queue', ids[0] ?? ''], ['cache-delete', ids[0] ?? ''], ['cache-clear']]) {
    match((await both.same(client(...args), alice)).stderr, /^You are not permitted to |HTTP 403 Forbidden/)
  }
  for (const names of await both.names()) deepEqual(names, [...ids].sort())
})

test('the versions tell that the cache can be managed, as Glance with a cache has them', async () => {
  const [theirs, ours] = await Promise.all([both.glance, both.proxy].map(({ url }) => versionsOf(url)))
  const ids = ours?.map(({ id }) => id) ?? []
  // Newer ones may be missing there: that depends on the Glance that is installed.
  for (const { id } of theirs ?? []) ok(ids.includes(id), `${id} is announced`)
  for (const id of ['v2.14', 'v2.15', 'v2.16', 'v2.17', 'v2.18']) ok(ids.includes(id), `${id} is announced`)
  deepEqual([new Set(ids).size, ours?.filter(({ status }) => status === 'CURRENT').length], [ids.length, 1])
})

async function versionsOf(url: string): Promise<Readonly<{ id: string; status: string }>[]> {
  return JSON.parse((await ask(`${url}/versions`)).body.toString()).versions
}

async function cachedInBoth(): Promise<void> {
  const paths = [both.glance, both.proxy].flatMap(({ cacheDir }) => ids.map((id) => join(cacheDir, id)))
  await eventually('the images in both caches', 30, async () => paths.every((path) => existsSync(path)))
}
