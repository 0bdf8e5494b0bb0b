import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { mustAsk } from './ask.ts'
import { startCachingGlance } from './caching-glance.ts'
import { sha256OfFile } from './command.ts'
import { spoil } from './disk.ts'
import { download } from './download.ts'
import { eventually } from './eventually.ts'
import { createImage, filePath, type TestImage } from './images.ts'
import { tokenOf } from './keystone.ts'
import { imageNames } from './manage-both.ts'
import { managing } from './managing.ts'
import { driver, startProxy } from './proxy.ts'
import { isDownload, isWholeDownload, startRelay } from './relay.ts'
import { stack } from './stack.ts'

// One cache directory: filled by Glance, taken over by Afterimage, given back to Glance.
let cacheDir: string
let token: string
let admin: string
let often: TestImage
let once: TestImage
let spoilt: TestImage
let ours: TestImage
before(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'afterimage-takeover-'))
  token = await tokenOf('alice')
  admin = await tokenOf('admin')
  often = await createImage(token, 8_000_000)
  once = await createImage(token, 1_000_000)
  spoilt = await createImage(token, 2_000_000)
  ours = await createImage(token, 3_000_000)
})
after(() => rm(cacheDir, { recursive: true, force: true }))

const cached = (image: TestImage) =>
  eventually('the committed image', 20, async () => existsSync(join(cacheDir, image.id)))

/** In Glance's form, times in seconds; the same endpoint of both. */
type GlancesEntry = Readonly<{
  image_id: string
  hits: number
  size: number
  last_accessed: number
  last_modified: number
}>

async function listOf(url: string): Promise<GlancesEntry[]> {
  const { body } = await mustAsk(`${url}/v2/cache`, { token: admin })
  const list: GlancesEntry[] = JSON.parse(body.toString()).cached_images
  return list
    .map(({ image_id, hits, size, last_accessed, last_modified }) => ({
      image_id,
      hits,
      size,
      last_accessed: cut(last_accessed),
      last_modified: cut(last_modified),
    }))
    .sort((a, b) => (a.image_id < b.image_id ? -1 : 1))
}

/** Of xattr files Glance tells whole seconds; in its table it keeps microseconds, of which we know milliseconds. */
const cut = (seconds: number) => (driver === 'xattr' ? Math.floor(seconds) : Math.round(seconds * 1000) / 1000)

let left: GlancesEntry[]

test('Glance fills it', async () => {
  await using glance = await startCachingGlance({ cacheDir })
  for (const image of [often, once, spoilt]) {
    await download(glance.url + filePath(image.id), { token })
    await cached(image)
  }
  for (let hits = 0; hits < 2; hits += 1) await download(glance.url + filePath(often.id), { token })
  await mustAsk(`${glance.url}/v2/queued_images/${ours.id}`, { method: 'PUT', token: admin })
  left = await listOf(glance.url)
  equal(left.length, 3)
  equal(left.find(({ image_id }) => image_id === often.id)?.hits, 2)
})

test('Afterimage lists it as Glance did, verifies it in the background, and serves it without a download', async () => {
  await spoil(join(cacheDir, spoilt.id))
  await using relay = await startRelay(stack.glanceUrl)
  await using proxy = await startProxy({ originUrl: relay.url, cacheDir })
  const manage = managing(proxy, admin)
  const others = (list: readonly GlancesEntry[]) => list.filter(({ image_id }) => image_id !== spoilt.id)
  deepEqual(others(await listOf(proxy.url)), others(left), 'hits, sizes and times')
  deepEqual(
    (await manage.queue()).map(({ id }) => id),
    [ours.id],
  )

  await eventually('the verification of all', 30, async () => {
    const list = await manage.images()
    return [often, once].every(({ id }) => list.some((image) => image.id === id && image.verified_at !== undefined))
  })
  await eventually('the end of the spoilt file', 30, async () => {
    const path = join(cacheDir, spoilt.id)
    return !existsSync(path) || (await sha256OfFile(path)) === spoilt.sha256
  })
  deepEqual(others(await listOf(proxy.url)), others(left), 'nobody has used them')
  const ofThese = ({ line }: { line: string }) => [often, once].some(({ id }) => line.includes(id))
  for (const image of [often, once]) {
    const hit = await download(proxy.url + filePath(image.id), { token })
    match(hit.cacheStatus, /^afterimage; hit/)
    equal(hit.sha256, image.sha256)
  }
  equal(relay.requests.filter((request) => isDownload(request) && ofThese(request)).length, 0, 'downloads from Glance')
  equal((await download(proxy.url + filePath(spoilt.id), { token })).sha256, spoilt.sha256)
  ok(relay.requests.some((request) => isWholeDownload(request) && request.line.includes(spoilt.id)))
  await cached(spoilt)

  await download(proxy.url + filePath(ours.id), { token })
  await cached(ours)
  await eventually('the end of what was queued', 10, async () => (await manage.queue()).length === 0)
  await download(proxy.url + filePath(ours.id), { token })
  await eventually('our hit', 10, async () =>
    (await manage.images()).some(({ id, hits }) => id === ours.id && hits === 1),
  )
  left = await listOf(proxy.url)
  deepEqual(
    left.map(({ image_id }) => image_id),
    [often, once, spoilt, ours].map(({ id }) => id).sort(),
  )
})

test('given back, Glance lists what Afterimage added and serves it from the cache', async () => {
  await using glance = await startCachingGlance({ cacheDir })
  deepEqual(await listOf(glance.url), left)
  for (const image of [ours, often, once]) {
    const hit = await download(glance.url + filePath(image.id), { token })
    equal(hit.sha256, image.sha256)
    // Glance gives the length of what it has cached, and of nothing else.
    equal(hit.headers['content-length'], String(image.size))
    const hits = left.find(({ image_id }) => image_id === image.id)?.hits
    const now = async () => (await listOf(glance.url)).find(({ image_id }) => image_id === image.id)?.hits
    await eventually('a hit in the list of Glance', 10, async () => (await now()) === Number(hits) + 1)
  }
  deepEqual(await imageNames(join(cacheDir, 'queue')), [])
  equal((await mustAsk(`${glance.url}/v2/cached_images`, { method: 'DELETE', token: admin })).status, 200)
  deepEqual(await imageNames(cacheDir), [])
})
