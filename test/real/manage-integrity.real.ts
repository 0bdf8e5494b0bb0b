import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { credentialsOf, type RunOptions, sha256OfFile } from './command.ts'
import { spoil } from './disk.ts'
import { download } from './download.ts'
import { eventually } from './eventually.ts'
import { createImage, filePath, type TestImage } from './images.ts'
import { tokenOf } from './keystone.ts'
import { imageNames } from './manage-both.ts'
import { cacheImage, type Listed, type Managing, managing } from './managing.ts'
import { addressOf, runProgram } from './programs.ts'
import { driver, type RunningProxy, startProxy } from './proxy.ts'
import { slowReader } from './slow-reader.ts'

const MiB = 1024 * 1024

const running = new AsyncDisposableStack()
let proxy: RunningProxy
let owner: string
let manage: Managing
before(async () => {
  proxy = running.use(await startProxy())
  owner = await tokenOf('alice')
  manage = managing(proxy, await tokenOf('admin'))
})
after(() => running.disposeAsync())

const admin: RunOptions = { env: credentialsOf('admin') }
const tool = (...args: string[]) => runProgram('cache-manage', [...addressOf(proxy.url), ...args], admin)
const program = (name: 'cache-pruner' | 'cache-cleaner', ...args: string[]) =>
  runProgram(name, ['--config-file', proxy.configFile, ...args])
const file = ({ id }: TestImage) => join(proxy.cacheDir, id)

async function cachedImage(size: number): Promise<TestImage> {
  const image = await createImage(owner, size)
  await cacheImage(proxy, image, owner)
  return image
}

test('verify finds a file that has changed on disk, and repairs it', async () => {
  const [good, bad] = [await cachedImage(3 * MiB), await cachedImage(3 * MiB)]
  await manage.pin(bad.id)
  equal((await tool('verify', good.id)).stdout, `${good.id} intact\n`)
  await spoil(file(bad))
  notEqual(await sha256OfFile(file(bad)), bad.sha256)
  const { status, stdout } = await tool('verify')
  match(stdout, new RegExp(`^${bad.id} repaired`, 'm'))
  match(stdout, new RegExp(`^${good.id} intact$`, 'm'))
  equal(status, 0)
  equal(await sha256OfFile(file(bad)), bad.sha256)
  equal((await download(proxy.url + filePath(bad.id), { token: owner })).sha256, bad.sha256)
  equal((await manage.images()).find(({ id }) => id === bad.id)?.pinned, true, 'still pinned')
})

test('the scrubber finds one by itself', async () => {
  const image = await cachedImage(2 * MiB)
  await manage.pin(image.id)
  await proxy.stop()
  await spoil(file(image))
  await proxy.start(['--cache-verify-interval=1'])
  await eventually('the repair by the scrubber', 40, async () => {
    const isThere = existsSync(file(image))
    return isThere && (await sha256OfFile(file(image))) === image.sha256
  })
  ok((await imageNames(join(proxy.cacheDir, 'invalid'))).includes(image.id), 'the bad copy is kept apart')
  equal((await program('cache-cleaner')).status, 0)
  deepEqual(await imageNames(join(proxy.cacheDir, 'invalid')), [])
})

test('prune leaves what is pinned and what is being read; --dry-run says why', async () => {
  equal((await manage.ask('DELETE', '/v2/cached_images')).status, 200)
  const pinned = await cachedImage(6 * MiB)
  const read = await cachedImage(20 * MiB)
  const goes = await cachedImage(6 * MiB)
  const stays = await cachedImage(6 * MiB)
  await manage.pin(pinned.id)
  const limit = `--image-cache-max-size=${33 * MiB}`
  await proxy.stop()
  await proxy.start([limit])
  const slow = await slowReader(proxy.url + filePath(read.id), owner)
  try {
    const plan = await program('cache-pruner', '--dry-run', limit)
    equal(plan.status, 0, plan.stderr)
    const lineOf = ({ id }: TestImage) => plan.stdout.split('\n').find((line) => line.includes(id)) ?? ''
    match(lineOf(pinned), /pinned/)
    match(lineOf(read), /in-use|being read|in use/)
    match(lineOf(goes), /least/)
    match(lineOf(stays), /fits/)
    equal((await imageNames(proxy.cacheDir)).length, 4, 'nothing went')
    equal((await program('cache-pruner', limit)).status, 0)
    deepEqual(await imageNames(proxy.cacheDir), [pinned, read, stays].map(({ id }) => id).sort())
  } finally {
    slow.abort()
  }
})

test('migrate takes sizes, hits, times and pins to the other driver and back', async () => {
  const image = await cachedImage(MiB)
  await manage.pin(image.id)
  for (let hits = 0; hits < 2; hits += 1) await download(proxy.url + filePath(image.id), { token: owner })
  await eventually('two hits', 10, async () => (await manage.images()).find(({ id }) => id === image.id)?.hits === 2)
  const list = await manage.images()
  const other = driver === 'sqlite' ? 'xattr' : 'sqlite'
  const migrate = (from: string, to: string) =>
    runProgram('cache-manage', ['migrate', `--from=${from}`, `--to=${to}`, '--config-file', proxy.configFile])

  const refused = await migrate(driver, other)
  equal(refused.status, 1)
  match(refused.stdout + refused.stderr, /server/, 'not while one works there')
  await proxy.stop()
  const there = await migrate(driver, other)
  equal(there.status, 0, there.stdout + there.stderr)
  await proxy.start([`--image-cache-driver=${other}`])
  deepEqual((await manage.images()).map(seconds), list.map(seconds))
  match((await download(proxy.url + filePath(image.id), { token: owner })).cacheStatus, /^afterimage; hit/)
  await eventually('the hit', 10, async () => (await manage.images()).find(({ id }) => id === image.id)?.hits === 3)
  const after = await manage.images()
  await proxy.stop()
  const back = await migrate(other, driver)
  equal(back.status, 0, back.stdout + back.stderr)
  await proxy.start([])
  deepEqual((await manage.images()).map(seconds), after.map(seconds))
})

/** The xattr driver's times are those of the file, which other file systems cut. */
const seconds = ({ accessed_at, modified_at, ...rest }: Listed) => ({
  ...rest,
  accessed_at: Math.floor(accessed_at / 1000),
  modified_at: Math.floor(modified_at / 1000),
})
