import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { mustAsk } from './ask.ts'
import { credentialsOf, runCommand, sha256OfFile } from './command.ts'
import { eventually } from './eventually.ts'
import { createImage, createRecord, type TestImage } from './images.ts'
import { tokenOf } from './keystone.ts'
import { imageNames } from './manage-both.ts'
import { type Managing, managing } from './managing.ts'
import { addressOf, runProgram } from './programs.ts'
import { type RunningProxy, startProxy } from './proxy.ts'
import { isDownload, isWholeDownload, type Relay, startRelay } from './relay.ts'
import { stack } from './stack.ts'

const size = 4_000_000

const running = new AsyncDisposableStack()
let relay: Relay
let proxy: RunningProxy
let owner: string
let admin: string
let manage: Managing
before(async () => {
  relay = running.use(await startRelay(stack.glanceUrl))
  proxy = running.use(await startProxy({ originUrl: relay.url }))
  owner = await tokenOf('alice')
  admin = await tokenOf('admin')
  manage = managing(proxy, admin)
})
after(() => running.disposeAsync())

const place = (name: string) => imageNames(join(proxy.cacheDir, name))
const prefetcher = () => runProgram('cache-prefetcher', ['--config-file', proxy.configFile])
const downloadsOf = (id: string) => relay.requests.filter((one) => isDownload(one) && one.line.includes(id)).length

async function fourImages(): Promise<TestImage[]> {
  const images: TestImage[] = []
  while (images.length < 4) images.push(await createImage(owner, size))
  return images
}

/** All of them arrive at the same time, and then they are in the cache and out of the queue. */
async function fetchesAll(images: readonly TestImage[], fetch: () => ReturnType<typeof prefetcher>): Promise<string> {
  const ids = images.map(({ id }) => id).sort()
  const barrier = relay.hold((one) => isWholeDownload(one) && ids.some((id) => one.line.includes(id)), size / 2)
  const ending = fetch()
  try {
    await eventually('all four in incomplete/', 30, async () => `${await place('incomplete')}` === `${ids}`)
    deepEqual(await place('queue'), ids)
  } finally {
    barrier.open()
  }
  const { status, stdout, stderr } = await ending
  equal(status, 0, stdout + stderr)
  deepEqual([await place('incomplete'), await place('queue')], [[], []])
  for (const { id, sha256 } of images) {
    equal(await sha256OfFile(join(proxy.cacheDir, id)), sha256)
    equal(downloadsOf(id), 1, 'downloads from Glance')
  }
  return stdout
}

test('an empty queue', async () => {
  const { status, stdout } = await prefetcher()
  deepEqual([status, stdout], [0, 'Nothing to prefetch.\n'])
})

test('the prefetcher has the running server fetch what glance-cache-manage queued', async () => {
  const images = await fourImages()
  for (const { id } of images) {
    const args = [...addressOf(proxy.url), '-f', 'queue-image', id]
    equal((await runCommand('glance-cache-manage', args, { env: credentialsOf('admin') })).status, 0)
  }
  match(await fetchesAll(images, prefetcher), /4/)
  const { status, stdout } = await prefetcher()
  deepEqual([status, stdout], [0, 'Nothing to prefetch.\n'])
})

test('without a server the prefetcher fetches by itself, also what was queued by hand', async () => {
  await proxy.stop()
  const images = await fourImages()
  await mkdir(join(proxy.cacheDir, 'queue'), { recursive: true })
  for (const { id } of images) await writeFile(join(proxy.cacheDir, 'queue', id), '')
  try {
    await fetchesAll(images, prefetcher)
  } finally {
    await proxy.start()
  }
  const listed = (await manage.images()).map(({ id }) => id)
  for (const { id } of images) ok(listed.includes(id), 'the server lists it')
})

test('an image that cannot be had stays in the queue, with the reason, and holds up no other', async () => {
  const [record, image] = [await createRecord(owner), await createImage(owner, 100_000)]
  const nobody = crypto.randomUUID()
  for (const id of [record, nobody, image.id])
    await mustAsk(`${proxy.url}/v2/queued_images/${id}`, { method: 'PUT', token: admin })
  const { status, stdout, stderr } = await prefetcher()
  equal(status, 1)
  match(stdout + stderr, /Failed to successfully cache all images in queue\./)
  ok(existsSync(join(proxy.cacheDir, image.id)))
  deepEqual(await place('queue'), [record, nobody].sort())
  const long = await runProgram('cache-manage', [...addressOf(proxy.url), 'list-queued', '--long'], {
    env: credentialsOf('admin'),
  })
  match(long.stdout, new RegExp(`\\| ${nobody} .*404`))
  match(long.stdout, new RegExp(`\\| ${record} .*\\| \\S.* \\|$`, 'm'))

  // Later it has data, and is fetched as any other.
  const headers = { 'content-type': 'application/octet-stream' }
  await mustAsk(`${stack.glanceUrl}/v2/images/${record}/file`, {
    method: 'PUT',
    token: owner,
    headers,
    body: 'at last',
  })
  equal((await prefetcher()).status, 1, 'nobody has none')
  ok(existsSync(join(proxy.cacheDir, record)))
  deepEqual(await place('queue'), [nobody])
  equal((await manage.ask('DELETE', `/v2/cache/${nobody}`)).status, 204)
  deepEqual(await place('queue'), [])
})

test('PUT /v2/cache: the store fails, the reason is shown, and it is tried again until it is cached', async () => {
  const image = await createImage(owner, size)
  const barrier = relay.hold((one) => isWholeDownload(one) && one.line.includes(image.id), size / 2)
  equal((await manage.ask('PUT', `/v2/cache/${image.id}`)).status, 202)
  await barrier.reached
  const outage = relay.break()
  barrier.open()
  try {
    const failed = await eventually('the failed attempt', 60, async () =>
      (await manage.queue()).find(({ id, retry_at }) => id === image.id && retry_at !== undefined),
    )
    ok(failed.reason !== undefined && failed.reason.length > 10, `a reason in words: ${failed.reason}`)
    ok(failed.attempts > 0)
    deepEqual(await place('queue'), [image.id])
  } finally {
    outage.mend()
  }
  await eventually('the image, after all', 60, async () => existsSync(join(proxy.cacheDir, image.id)))
  equal(await sha256OfFile(join(proxy.cacheDir, image.id)), image.sha256)
  await eventually('the end of its entry', 10, async () => (await manage.queue()).length === 0)
})

test('what the server was told to fetch is fetched after it was killed and started again', async () => {
  const image = await createImage(owner, size)
  const barrier = relay.hold((one) => isWholeDownload(one) && one.line.includes(image.id), size / 2)
  equal((await manage.ask('PUT', `/v2/cache/${image.id}`)).status, 202)
  await barrier.reached
  await proxy.kill()
  barrier.open()
  deepEqual(await place('queue'), [image.id])
  await proxy.start()
  await eventually('the image', 30, async () => existsSync(join(proxy.cacheDir, image.id)))
  equal(await sha256OfFile(join(proxy.cacheDir, image.id)), image.sha256)
})

test('DELETE /v2/cache stops what was being fetched', async () => {
  const image = await createImage(owner, size)
  const barrier = relay.hold((one) => isWholeDownload(one) && one.line.includes(image.id), size / 2)
  equal((await manage.ask('PUT', `/v2/cache/${image.id}`)).status, 202)
  await barrier.reached
  equal((await manage.ask('DELETE', `/v2/cache/${image.id}`)).status, 204)
  barrier.open()
  // What has arrived may be of use to somebody else.
  await eventually('the end of the fill', 20, async () =>
    (await manage.incomplete()).every(({ owner }) => owner === 'left'),
  )
  deepEqual([(await place('.')).includes(image.id), await place('queue')], [false, []])
  const arrived = relay.requests.find((one) => isWholeDownload(one) && one.line.includes(image.id))?.answered ?? size
  ok(arrived < size, `not all was downloaded: ${arrived}`)
})
