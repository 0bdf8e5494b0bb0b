import { equal, match, ok } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { ask } from './ask.ts'
import { type Downloading, download, startDownload } from './download.ts'
import { eventually } from './eventually.ts'
import { createImage, filePath, type TestImage } from './images.ts'
import { tokenOf } from './keystone.ts'
import { type RunningProxy, startProxy } from './proxy.ts'
import { callerRefusals, expiry, imageRefusals, type Refusal } from './refusals.ts'
import { isWholeDownload, type Relay, startRelay } from './relay.ts'
import { sameAnswer } from './same-answer.ts'
import { stack } from './stack.ts'

const MiB = 1024 * 1024
const size = 8 * MiB
const partSize = 1 * MiB

suite('asked every time (ttl = 0), changed at Glance behind our back', () => {
  refusesAsGlanceDoes({ ttl: 0, refusals: [...callerRefusals, ...imageRefusals], change: () => stack.glanceUrl })
})

suite('a yes is good for ten minutes, but changed through us: refused at once', () => {
  refusesAsGlanceDoes({ ttl: 600, refusals: imageRefusals, change: (proxy) => proxy.url })
})

type Matrix = Readonly<{ ttl: number; refusals: readonly Refusal[]; change: (proxy: RunningProxy) => string }>

function refusesAsGlanceDoes({ ttl, refusals, change }: Matrix): void {
  const running = new AsyncDisposableStack()
  let relay: Relay
  let proxy: RunningProxy
  let owner: string
  before(async () => {
    relay = running.use(await startRelay(stack.glanceUrl))
    proxy = running.use(await startProxy({ originUrl: relay.url, ttl }))
    owner = await tokenOf('alice')
  })
  after(() => running.disposeAsync())

  async function refused(image: TestImage, { status }: Refusal, token: string, range?: string): Promise<void> {
    const options = { token, ...(range !== undefined && { headers: { range } }) }
    equal((await sameAnswer(proxy.url, filePath(image.id), options)).status, status)
  }

  /** A part of an image that is still arriving begins at once, but its last bytes come when the whole has been proven. */
  async function mayRead(image: TestImage, { mayReadFirst }: Refusal, token: string): Promise<Downloading[]> {
    if (!mayReadFirst) return []
    const part = await startDownload(proxy.url + filePath(image.id), { token, range: `bytes=0-${partSize - 1}` })
    equal(part.status, 206)
    return [part]
  }

  /** Whoever was refused, and however often: an image that exists stays cached, one that is gone does not. */
  async function cacheIsRight(image: TestImage, refusal: Refusal, token: string): Promise<void> {
    const committed = join(proxy.cacheDir, image.id)
    if (refusal.gone) {
      await refused(image, refusal, token)
      await eventually('the eviction of the deleted image', 10, async () => !existsSync(committed))
      return
    }
    ok(existsSync(committed), 'still cached')
    const whole = relay.requests.filter(isWholeDownload).length
    const hit = await download(proxy.url + filePath(image.id), { token: await tokenOf('admin') })
    equal(hit.sha256, image.sha256)
    match(hit.cacheStatus, /^afterimage; hit/)
    equal(relay.requests.filter(isWholeDownload).length, whole, 'and not fetched again')
  }

  for (const refusal of refusals) {
    test(`${refusal.name}: ${refusal.status} for a cached image, whole or in part`, async () => {
      const image = await createImage(owner, size)
      const url = proxy.url + filePath(image.id)
      equal((await download(url, { token: owner })).sha256, image.sha256)
      await eventually('the committed image', 10, async () => existsSync(join(proxy.cacheDir, image.id)))
      const token = await refusal.token(image.id)
      for (const part of await mayRead(image, refusal, token)) equal((await part.end).size, partSize)
      await refusal.cause(image.id, token, change(proxy))
      await refused(image, refusal, token)
      await refused(image, refusal, token, 'bytes=100-199')
      await cacheIsRight(image, refusal, token)
    })

    test(`${refusal.name}: ${refusal.status} for an image that is still arriving, whole or in part`, async () => {
      const image = await createImage(owner, size)
      const ofThis = (request: Parameters<typeof isWholeDownload>[0]) =>
        isWholeDownload(request) && request.line.includes(image.id)
      const barrier = relay.hold(ofThis, size / 2)
      const first = await startDownload(proxy.url + filePath(image.id), { token: owner })
      await barrier.reached
      const token = await refusal.token(image.id)
      const parts = await mayRead(image, refusal, token)
      await refusal.cause(image.id, token, change(proxy))
      await refused(image, refusal, token)
      await refused(image, refusal, token, 'bytes=100-199')
      barrier.open()
      // Those who were let in before are served. Of a deleted image they may or may not get the rest, but nothing wrong.
      for (const client of [first, ...parts]) {
        const ending = await client.end.catch((error: unknown) => {
          if (!refusal.gone) throw error
        })
        if (ending?.status === 200) equal(ending.sha256, image.sha256)
        else if (ending) equal(ending.size, partSize)
      }
      if (!refusal.gone) {
        await eventually('the committed image', 10, async () => existsSync(join(proxy.cacheDir, image.id)))
      }
      await cacheIsRight(image, refusal, token)
    })
  }
}

test('changed at Glance behind our back, an image is refused once the yes is older than ttl', async () => {
  const ttl = 2
  await using proxy = await startProxy({ ttl })
  const owner = await tokenOf('alice')
  for (const refusal of [...callerRefusals, ...imageRefusals].filter(({ mayReadFirst }) => mayReadFirst)) {
    const image = await createImage(owner, size)
    const url = proxy.url + filePath(image.id)
    equal((await download(url, { token: owner })).sha256, image.sha256)
    const token = await refusal.token(image.id)
    const asked = performance.now()
    equal((await download(url, { token })).status, 200)
    await refusal.cause(image.id, token, stack.glanceUrl)
    const { status } = refusal
    const refused = async () => (await ask(url, { token, headers: { range: 'bytes=0-9' } })).status === status
    await eventually(`${status} for ${refusal.name}`, ttl + 5, refused)
    // An expired token was refused by Glance for the first time only after its own few seconds.
    if (refusal.name !== 'an expired token') {
      const seconds = (performance.now() - asked) / 1000
      ok(seconds < ttl + 1, `${refusal.name}: refused after ${seconds.toFixed(1)} s`)
    }
  }
})

test('an expired token counts beside a service token, as at Glance, and never alone', async () => {
  await using proxy = await startProxy({ ttl: 600 })
  const owner = await tokenOf('alice')
  const image = await createImage(owner, size)
  const url = proxy.url + filePath(image.id)
  equal((await download(url, { token: owner })).sha256, image.sha256)
  const token = await tokenOf('alice', stack.briefKeystoneUrl)
  await expiry(image.id, token)
  const headers = { 'x-service-token': await tokenOf('glance') }
  equal((await download(stack.glanceUrl + filePath(image.id), { token, headers })).status, 200, 'at Glance')
  const both = await download(url, { token, headers })
  equal(both.sha256, image.sha256)
  match(both.cacheStatus, /^afterimage; hit/)
  equal((await sameAnswer(proxy.url, filePath(image.id), { token })).status, 401)
})
