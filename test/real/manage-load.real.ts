import { deepEqual, equal, ok } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { request } from 'undici'
import { ask } from './ask.ts'
import { sha256OfFile } from './command.ts'
import { download } from './download.ts'
import { eventually } from './eventually.ts'
import { createImage, filePath, type TestImage } from './images.ts'
import { tokenOf } from './keystone.ts'
import { imageNames } from './manage-both.ts'
import { cacheImage, managing } from './managing.ts'
import { runProgram } from './programs.ts'
import { type RunningProxy, startProxy } from './proxy.ts'

const KiB = 1024
/** One that is read slowly all the time, and about half of the others. */
const bigSize = 24 * 1024 * KiB
const limit = bigSize + 6000 * KiB
const seconds = Number(process.env.MANAGE_LOAD_SECONDS ?? 60)

const running = new AsyncDisposableStack()
let proxy: RunningProxy
let owner: string
let admin: string
let big: TestImage
const images: TestImage[] = []
before(async () => {
  // Half of the images are too many for it: every prune has something to do.
  proxy = running.use(
    await startProxy({
      ttl: 30,
      auth: 'none',
      flags: [`--image-cache-max-size=${limit}`, '--image-cache-stall-time=1'],
    }),
  )
  owner = await tokenOf('alice')
  admin = await tokenOf('admin')
  big = await createImage(owner, bigSize)
  await cacheImage(proxy, big, owner)
  while (images.length < 12) images.push(await createImage(owner, (400 + 100 * images.length) * KiB))
})
after(() => running.disposeAsync())

test(`prune, clean, prefetch, delete and downloads at once for ${seconds} s`, async (t) => {
  let end = performance.now() + seconds * 1000
  const counts = new Map<string, number>()
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1)
  const any = () => images[Math.floor(Math.random() * images.length)] ?? images[0]

  /** Again and again until the time is up. The pause bounds the load. */
  async function again(pauseMs: number, turn: () => Promise<void>): Promise<void> {
    try {
      while (performance.now() < end) {
        await turn()
        await delay(pauseMs)
      }
    } finally {
      // The first one that fails ends the others.
      end = 0
    }
  }

  async function someDownload(): Promise<void> {
    const image = any()
    if (image === undefined) return
    const { status, size, sha256, cacheStatus } = await download(proxy.url + filePath(image.id), { token: owner })
    deepEqual([status, size, sha256], [200, image.size, image.sha256])
    count(/^afterimage; hit/.test(cacheStatus) ? 'hits' : 'misses')
  }

  async function someRange(): Promise<void> {
    const image = any()
    if (image === undefined) return
    const { status, size } = await download(proxy.url + filePath(image.id), {
      token: owner,
      range: 'bytes=1000-100999',
    })
    deepEqual([status, size], [206, 100_000])
    count('ranges')
  }

  /** As nobody deletes this one, a hit must be there as long as it is read. */
  async function slowDownload(): Promise<void> {
    const { body, headers } = await request(proxy.url + filePath(big.id), { headers: { 'x-auth-token': owner } })
    const isHit = /^afterimage; hit/.test(String(headers['cache-status']))
    const hash = createHash('sha256')
    let size = 0
    // undici gives the body as Buffers.
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length
      hash.update(chunk)
      if (performance.now() > end) return
      // What is left to be sent fits into no socket.
      if (isHit && size < big.size / 2) ok(existsSync(join(proxy.cacheDir, big.id)), 'deleted while it was read')
      await delay(20)
    }
    equal(hash.digest('hex'), big.sha256)
    count(isHit ? 'slow hits' : 'slow misses')
  }

  async function manage(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string): Promise<void> {
    const { status, body } = await ask(proxy.url + path, { method, token: admin })
    ok(status < 300, `${method} ${path} answered ${status}: ${body}`)
    count(`${method} ${path.replace(/[0-9a-f-]{36}/, '{id}')}`)
  }

  async function program(name: 'cache-pruner' | 'cache-cleaner' | 'cache-prefetcher'): Promise<void> {
    const { status, stdout, stderr } = await runProgram(name, [
      '--config-file',
      proxy.configFile,
      `--image-cache-max-size=${limit}`,
    ])
    // What somebody deletes while it is being prefetched cannot be prefetched.
    const failed = stdout.split('\n').filter((line) => / failed: /.test(line) && !/ failed: it was /.test(line))
    deepEqual(failed, [], `${name}: ${stdout}${stderr}`)
    if (name !== 'cache-prefetcher') equal(status, 0, `${name}: ${stdout}${stderr}`)
    count(name)
  }

  const loops = [
    ...[1, 2, 3].map(() => again(20, someDownload)),
    again(10, slowDownload),
    again(50, someRange),
    again(100, () => manage('PUT', `/v2/cache/${any()?.id}`)),
    again(150, () => manage('PUT', `/v2/queued_images/${any()?.id}`)),
    again(500, () => manage('DELETE', `/v2/cache/${any()?.id}`)),
    again(500, () => manage('DELETE', `/v2/cached_images/${any()?.id}`)),
    again(300, () => manage('POST', '/v2/cache/prune')),
    again(300, () => manage('POST', '/v2/cache/clean')),
    again(300, () => manage('GET', '/v2/cache')),
    again(1000, () => program('cache-pruner')),
    again(1000, () => program('cache-cleaner')),
    again(1000, () => program('cache-prefetcher')),
  ]
  // All of them have ended, whatever one of them met.
  await Promise.allSettled(loops)
  await Promise.all(loops)
  t.diagnostic([...counts].map(([what, times]) => `${what}: ${times}`).join(', '))
  for (const what of ['hits', 'slow hits', 'misses', 'ranges', 'cache-pruner', 'cache-cleaner', 'cache-prefetcher'])
    ok(counts.has(what), what)
})

test('sizes and counts are true at the end, and every file is right', async () => {
  const { ask: manage, images: list, queue, incomplete } = managing(proxy, admin)
  equal((await manage('DELETE', '/v2/queued_images')).status, 200)
  await eventually('the end of all fills', 30, async () => (await incomplete()).every(({ owner }) => owner === 'left'))
  deepEqual(await queue(), [])
  equal((await manage('POST', '/v2/cache/prune')).status, 200)

  const files = await imageNames(proxy.cacheDir)
  const entries = await list()
  deepEqual(
    entries.map(({ id }) => id),
    files,
  )
  for (const { id, size } of entries) {
    equal(size, (await stat(join(proxy.cacheDir, id))).size)
    const image = [big, ...images].find((one) => one.id === id)
    deepEqual([size, await sha256OfFile(join(proxy.cacheDir, id))], [image?.size, image?.sha256])
  }
  const sum = entries.reduce((total, { size }) => total + size, 0)
  ok(sum <= limit, `pruned to the limit: ${sum}`)
  deepEqual(await readdir(join(proxy.cacheDir, 'invalid')), [])

  await proxy.stop()
  await proxy.start()
  deepEqual(
    (await managing(proxy, admin).images()).map(({ id, size }) => [id, size]),
    entries.map(({ id, size }) => [id, size]),
  )
})
