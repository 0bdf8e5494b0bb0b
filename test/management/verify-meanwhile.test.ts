import assert from 'node:assert/strict'
import { open, stat } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { openDigests } from '../../src/cache/digest.ts'
import { openFiles } from '../../src/cache/files.ts'
import { digestOf } from '../../src/management/digest-of.ts'
import { VerifyJob } from '../../src/management/verify-job.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers } from '../support/proxy.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { nobody } from '../support/upstream-glance.ts'
import { openVerifier, rot, type VerifierScene } from '../support/verifier.ts'

const id = imageId(1)
const bytes = patternBytes(3_000_000)

/** Resolves once the store was asked about the image by a verification that is under way. */
async function underWay(scene: VerifierScene): Promise<void> {
  const asked = scene.upstream.requests.length
  await eventually(() => scene.upstream.requests.length > asked, 'the store is asked')
}

for (const driver of drivers) {
  describe(`while an image is verified, ${driver}`, { concurrency: 2 }, () => {
    test('a DELETE takes it away', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      await scene.cached(id)
      const verifying = scene.verifySlowly(id)
      await underWay(scene)
      await scene.cache.deleted(id)
      assert.equal(await scene.verify(id), undefined, 'an operator joins what is about the file that has gone')
      assert.equal(await deadline(verifying, 'the verification ends'), undefined)
      assert.equal(await scene.driver.factsOf(id), undefined)
      assert.deepEqual(await scene.names('invalid'), [])
    })

    test('what comes after a DELETE under its name is left alone', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      await scene.cached(id)
      const verifying = scene.verifySlowly(id)
      await underWay(scene)
      await scene.cache.deleted(id)
      scene.upstream.replaceImage({ id, bytes: patternBytes(3_000_000, 2) })
      const after = await scene.cached(id)
      assert.equal(await deadline(verifying, 'the verification ends'), undefined)
      assert.deepEqual(await scene.driver.get(id), after)
      assert.equal((await scene.verify(id))?.outcome, 'intact')
    })

    test('bytes that are found wrong do not condemn a file that is committed meanwhile', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      await scene.cached(id)
      await rot(scene.path(id))
      const committed = await openFiles(scene.layout).openCommitted(id)
      assert(committed !== undefined)
      t.after(() => committed.handle.close())
      await scene.cache.deleted(id)
      const after = await scene.cached(id)
      assert.equal(await scene.cache.condemn(id, committed), false)
      assert.deepEqual(await scene.driver.get(id), after)
      assert.deepEqual(await scene.names('invalid'), [])
      const hit = await scene.cache.open(id)
      hit?.close()
      assert(hit !== undefined)
    })

    test('who reads wrong bytes is cut off', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      await scene.cached(id)
      await rot(scene.path(id))
      const reading = await scene.cache.open(id)
      assert(reading !== undefined)
      t.after(() => reading.close())
      const lease = await reading.read(0, 1000)
      lease.release()
      assert.equal((await scene.verify(id))?.outcome, 'repaired')
      assert.throws(() => reading.read(1000, 1000), { name: 'ReadFailed', fault: 'wrong' })
      const next = await scene.cache.open(id)
      assert(next !== undefined)
      const good = await next.read(1_500_000, 1000)
      assert(bytes.subarray(1_500_000, 1_500_000 + good.bytes.length).equals(good.bytes))
      good.release()
      next.close()
    })

    test('an operator who asks makes a slow verification fast', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      await scene.cached(id)
      const verifying = scene.verifySlowly(id)
      await underWay(scene)
      const [asked, slow] = [await scene.verify(id), await deadline(verifying, 'the slow one ends too')]
      assert.deepEqual(asked, { id, outcome: 'intact', detail: undefined })
      assert.deepEqual(slow, asked)
      assert.equal(await scene.metric('afterimage_verifications_total{outcome="intact"}'), 1)
    })

    test('the end of the cache ends it at once and changes nothing', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      await scene.cached(id)
      const before = await stat(scene.path(id))
      const verifying = scene.verifySlowly(id)
      await underWay(scene)
      await scene.close()
      assert.equal((await deadline(verifying, 'the verification ends'))?.detail, 'the cache is ending')
      assert.deepEqual((await stat(scene.path(id))).mtimeMs, before.mtimeMs)
    })

    test('two processes that verify it at once both find it intact', async (t) => {
      const first = await openVerifier(t, driver)
      first.upstream.addImage({ id, bytes })
      await first.cached(id)
      const second = await openVerifier(t, driver, { upstream: first.upstream, dir: first.dir })
      const [slow, fast] = [first.verifySlowly(id), await second.verify(id)]
      assert.equal(fast?.outcome, 'intact')
      assert.equal((await first.verify(id))?.outcome, 'intact')
      assert.equal((await deadline(slow, 'the first one ends'))?.outcome, 'intact')
      const hit = await first.cache.open(id)
      hit?.close()
      assert(hit !== undefined)
    })

    test('a fetch of an image that was never proven does not wait for it', async (t) => {
      const scene = await openVerifier(t, driver)
      scene.upstream.addImage({ id, bytes })
      const { facts: _, ...entry } = await scene.cached(id)
      await scene.driver.admit({ ...entry, facts: undefined, pinned: true })
      const verifying = scene.verifySlowly(id)
      await underWay(scene)
      const fetched = await deadline(scene.cache.fetch(id, nobody), 'the image is proven')
      assert.equal(fetched.kind, 'committed')
      assert.equal((await deadline(verifying, 'the verification ends'))?.outcome, 'intact')
      const after = await scene.driver.get(id)
      assert.deepEqual([after?.hits, after?.pinned], [entry.hits, true])
      assert.equal(scene.upstream.downloads(id).length, 1)
    })
  })
}

test('a file that the disk cannot read any more is told from one that is wrong, and from our own faults', async (t) => {
  const digests = openDigests(1)
  t.after(() => digests[Symbol.asyncDispose]())
  // Address 0 of this process is not mapped: the kernel says EIO.
  const handle = await open('/proc/self/mem', 'r')
  const committed = { handle, stats: Object.assign(await handle.stat(), { size: 4096 }) }
  const found = await deadline(digestOf(digests, new VerifyJob(undefined), committed, 'sha512'), 'the digest ends')
  assert.equal(found.kind, 'unreadable')
  const name = digestOf(digests, new VerifyJob(undefined), committed, 'md5')
  assert.equal((await name).kind, 'unreadable')
  await handle.close()
  await assert.rejects(digestOf(digests, new VerifyJob(undefined), committed, 'sha512'), { code: 'EBADF' })
})
