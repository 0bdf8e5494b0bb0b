import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { Scrubber, type ScrubberOptions } from '../../src/management/scrubber.ts'
import { cleanup } from '../support/cleanup.ts'
import { get } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { ownCredentials } from '../support/own-credentials.ts'
import { drivers, startProxy } from '../support/proxy.ts'
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { openVerifier, rot, type VerifierScene } from '../support/verifier.ts'

const hour = 3_600_000
const ids = [imageId(1), imageId(2), imageId(3)] as const
const images = ids.map((id, n) => ({ id, bytes: patternBytes(400_000 + n, n + 1) }))

function startScrubber(t: TestContext, scene: VerifierScene, options: Partial<ScrubberOptions> = {}) {
  const scrubber = new Scrubber({
    ...scene,
    ownCaller: async () => scene.own.caller,
    intervalMs: hour,
    bytesPerSecond: 0,
    retryMs: 300,
    ...options,
  })
  const close = () => deadline(scrubber[Symbol.asyncDispose](), 'the scrubber ends', 2000)
  cleanup(t, close)
  return close
}

/** Has the images cached; the first one was proven so many hours ago, each further one an hour less. */
async function cachedFor(scene: VerifierScene, hours: number): Promise<void> {
  for (const [n, image] of images.entries()) {
    scene.upstream.addImage(image)
    const { facts } = await scene.cached(image.id)
    assert(facts !== undefined)
    const verifiedAt = facts.verifiedAt - (hours - n) * hour
    assert(await scene.driver.replaceFacts(image.id, facts, { ...facts, verifiedAt }))
  }
}

/** Ids of the images whose records were asked for since then. */
const askedSince = (upstream: ScriptedUpstream, since: number) =>
  upstream.requests
    .slice(since)
    .map(({ path }) => /\/v2\/images\/([^/]+)$/.exec(path)?.[1])
    .filter((id) => id !== undefined)

const intact = 'afterimage_verifications_total{outcome="intact"}'

for (const driver of drivers) {
  describe(`the scrubber, ${driver}`, { concurrency: 2 }, () => {
    test('verifies what was proven longest ago, once in the interval, and goes on after a restart', async (t) => {
      const scene = await openVerifier(t, driver)
      await cachedFor(scene, 3)
      const since = scene.upstream.requests.length
      // Two seconds for an image: time enough to end in the middle of the second one.
      const first = startScrubber(t, scene, { bytesPerSecond: 200_000 })
      await eventually(() => askedSince(scene.upstream, since).length === 2, 'two are asked for')
      await first()
      assert.deepEqual(askedSince(scene.upstream, since), [ids[0], ids[1]])
      assert.equal(await scene.metric(intact), 1)
      const second = startScrubber(t, scene)
      await eventually(async () => (await scene.metric(intact)) === 3, 'the others are verified')
      await second()
      assert.deepEqual(askedSince(scene.upstream, since), [ids[0], ids[1], ids[1], ids[2]])
    })

    test('a wrong image is fetched anew if it is pinned or was used within the interval', async (t) => {
      const scene = await openVerifier(t, driver)
      await cachedFor(scene, 5)
      const [pinned, used, unused] = ids
      for (const id of ids) {
        await rot(scene.path(id))
        const entry = await scene.driver.get(id)
        assert(entry !== undefined)
        const accessedAt = Date.now() - (id === used ? hour / 2 : 2 * hour)
        await scene.driver.admit({ ...entry, accessedAt, pinned: id === pinned })
      }
      startScrubber(t, scene)
      await eventually(async () => (await scene.names('invalid')).length === 3, 'all are set aside')
      await eventually(async () => (await scene.names('')).length === 2, 'two are fetched')
      assert.deepEqual(await scene.names(''), [pinned, used])
      assert.equal((await scene.driver.get(pinned))?.pinned, true)
      assert.equal(scene.upstream.downloads(unused).length, 1)
      await eventually(
        async () => (await scene.metric('afterimage_verifications_total{outcome="damaged"}')) === 1,
        'one is counted as damaged',
      )
    })

    test('of two servers on a directory one does it', async (t) => {
      const scene = await openVerifier(t, driver)
      await cachedFor(scene, 5)
      const other = await openVerifier(t, driver, { upstream: scene.upstream, dir: scene.dir })
      const since = scene.upstream.requests.length
      startScrubber(t, scene)
      startScrubber(t, other)
      const done = async () => (await scene.metric(intact)) + (await other.metric(intact))
      await eventually(async () => (await done()) >= 3, 'all are verified')
      assert.deepEqual(askedSince(scene.upstream, since), [...ids])
    })

    test('what was never proven is tried again when the store is back', async (t) => {
      const scene = await openVerifier(t, driver)
      await cachedFor(scene, 5)
      for (const id of ids) {
        const entry = await scene.driver.get(id)
        assert(entry !== undefined)
        await scene.driver.admit({ ...entry, facts: undefined })
      }
      scene.upstream.access.know('nobody has this token')
      startScrubber(t, scene, { intervalMs: 0 })
      const unknown = 'afterimage_verifications_total{outcome="unknown"}'
      await eventually(async () => (await scene.metric(unknown)) >= 3, 'all are tried')
      scene.upstream.access.know('')
      await eventually(async () => (await scene.metric(intact)) === 3, 'all are verified')
    })

    test('an image that the store denies to the cache itself is not removed', async (t) => {
      const scene = await openVerifier(t, driver)
      await cachedFor(scene, 5)
      const [proven, unproven] = ids
      const entry = await scene.driver.get(unproven)
      assert(entry !== undefined)
      await scene.driver.admit({ ...entry, facts: undefined })
      for (const id of ids) scene.upstream.removeImage(id)
      startScrubber(t, scene)
      await eventually(async () => (await scene.metric(intact)) === 2, 'those that were proven are proven again')
      assert.deepEqual(await scene.names(''), [...ids])
      assert((await scene.driver.get(proven))?.facts)
    })
  })
}

for (const driver of drivers) {
  test(`a server verifies in its interval, at its rate, and ends at once, ${driver}`, async (t) => {
    const upstream = await startUpstream(t)
    const image = { id: ids[0], bytes: patternBytes(3_000_000) }
    upstream.addImage(image)
    const flags = [...(await ownCredentials(t)), '--cache-verify-interval=1']
    const fast = await startProxy(t, { upstream: upstream.url, driver, flags })
    await get(fast.image(image.id))
    await fast.committed(image.id)
    await eventually(async () => (await fast.metric(intact)) >= 2, 'it is verified twice')
    await fast.close()
    const since = upstream.requests.length
    const slowly = [...flags, '--cache-verify-rate=100K']
    const slow = await startProxy(t, { upstream: upstream.url, driver, dir: fast.dir, flags: slowly })
    await eventually(() => askedSince(upstream, since).length > 0, 'it is being verified')
    assert((await get(slow.image(image.id))).headers['cache-status'] === 'afterimage; hit')
    const started = performance.now()
    await slow.close()
    const ms = performance.now() - started
    assert(ms < 5000, `3 MB at 100 K a second take 30 s; the end took ${ms} ms`)
  })
}
