import { equal, match, ok, rejects } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ask } from './ask.ts'
import { type Client, clientsOf, sha256OfFile } from './command.ts'
import { download, startDownload } from './download.ts'
import { eventually } from './eventually.ts'
import { createImage, filePath, randomImage } from './images.ts'
import { createRegion, tokenOf } from './keystone.ts'
import { type RunningProxy, startProxy } from './proxy.ts'
import { isWholeDownload, type Relay, startRelay } from './relay.ts'
import { stack } from './stack.ts'

const MiB = 1024 * 1024

// One after the other: the life of an image, as people see it who use nothing but the two command-line clients.
const running = new AsyncDisposableStack()
let relay: Relay
let proxy: RunningProxy
let alice: Client
let admin: Client
let token: string
let dir: string

before(async () => {
  relay = running.use(await startRelay(stack.glanceUrl))
  proxy = running.use(await startProxy({ originUrl: relay.url }))
  const region = running.use(await createRegion(proxy.url))
  alice = clientsOf('alice', region.id)
  admin = clientsOf('admin', region.id)
  token = await tokenOf('alice')
  dir = await mkdtemp(join(tmpdir(), 'afterimage-clients-'))
  running.defer(() => rm(dir, { recursive: true }))
})
after(() => running.disposeAsync())

let id: string
let sha256: string
let file: string

test('openstack image create uploads 64 MiB', async () => {
  const { bytes, sha256: digest } = randomImage(64 * MiB)
  file = join(dir, 'image')
  await writeFile(file, bytes)
  sha256 = digest()
  const format = ['--disk-format', 'raw', '--container-format', 'bare']
  id = await alice('openstack', 'image', 'create', ...format, '--file', file, '-f', 'value', '-c', 'id', 'sixty-four')
  match(id, /^[0-9a-f-]{36}$/)
  equal((await download(stack.glanceUrl + filePath(id), { token })).sha256, sha256, 'what Glance has got')
})

test('both clients list and show it', async () => {
  match(await alice('openstack', 'image', 'list', '-f', 'value'), new RegExp(`^${id} sixty-four active$`, 'm'))
  match(await alice('glance', 'image-list'), new RegExp(id))
  equal(await alice('openstack', 'image', 'show', id, '-f', 'value', '-c', 'size'), String(64 * MiB))
  match(await alice('glance', 'image-show', id), /status +\| active/)
})

test('glance image-download gets it, checks its digest, and leaves it in the cache', async () => {
  const target = join(dir, 'first')
  await alice('glance', 'image-download', '--file', target, id)
  equal(await sha256OfFile(target), sha256)
  await eventually('the committed image', 10, async () => existsSync(join(proxy.cacheDir, id)))
  equal(await sha256OfFile(join(proxy.cacheDir, id)), sha256)
})

test('the next downloads by both clients come from the cache', async () => {
  const before = relay.requests.filter(isWholeDownload).length
  const targets = [join(dir, 'second'), join(dir, 'third')] as const
  await alice('glance', 'image-download', '--file', targets[0], id)
  await alice('openstack', 'image', 'save', '--file', targets[1], id)
  for (const target of targets) equal(await sha256OfFile(target), sha256)
  equal(relay.requests.filter(isWholeDownload).length, before, 'whole downloads that Glance saw')
  match((await download(proxy.url + filePath(id), { token })).cacheStatus, /^afterimage; hit/)
})

test('glance image-download gets the right bytes while the image is still arriving', async () => {
  const image = await createImage(token, 64 * MiB)
  const barrier = relay.hold(isWholeDownload, 32 * MiB)
  const first = await startDownload(proxy.url + filePath(image.id), { token })
  match(first.cacheStatus, /fwd=miss/)
  await barrier.reached
  const target = join(dir, 'while-filling')
  const command = alice('glance', 'image-download', '--file', target, image.id)
  // The client's second request is the download: half of the image is on its disk while the rest is held back.
  await eventually('the part of the client', 30, async () => existsSync(target))
  ok(!existsSync(join(proxy.cacheDir, image.id)), 'not committed yet')
  barrier.open()
  await command
  equal(await sha256OfFile(target), image.sha256)
  equal((await first.end).sha256, image.sha256)
  equal(relay.requests.filter((one) => isWholeDownload(one) && one.line.includes(image.id)).length, 1)
})

test('deactivated through it, nobody but an admin gets it; reactivated, it is a hit again', async () => {
  await admin('glance', 'image-deactivate', id)
  await rejects(alice('glance', 'image-download', '--file', join(dir, 'refused'), id), /403/)
  await admin('glance', 'image-reactivate', id)
  const target = join(dir, 'fourth')
  await alice('openstack', 'image', 'save', '--file', target, id)
  equal(await sha256OfFile(target), sha256)
})

test('openstack image delete deletes it, here too', async () => {
  await alice('openstack', 'image', 'delete', id)
  equal((await ask(`${stack.glanceUrl}/v2/images/${id}`, { token })).status, 404)
  await rejects(alice('glance', 'image-download', '--file', join(dir, 'gone'), id), /404/)
  ok(!existsSync(join(proxy.cacheDir, id)))
})
