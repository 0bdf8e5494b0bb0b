import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers, type RunningProxy, startProxy } from '../support/proxy.ts'
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)
const bytes = patternBytes(2_000_000)
const as = (token: string, more: Record<string, string> = {}) => ({ headers: { 'X-Auth-Token': token, ...more } })
const questions = (upstream: ScriptedUpstream) =>
  upstream.fileRequests(id).filter((request) => request.header('range') === 'bytes=0-0').length

async function cached(proxy: RunningProxy, token = 'owner'): Promise<void> {
  assert((await get(proxy.image(id), as(token))).complete)
  await proxy.committed(id)
}

for (const driver of drivers) {
  describe(`who may read, ${driver}`, () => {
    test('a hit is asked for with the caller’s own token, and a no goes back in the upstream’s words', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      upstream.allow(id, 'owner')
      upstream.access.know('other')
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      await cached(proxy)
      for (const [token, status] of [
        ['other', 404],
        ['expired', 401],
      ] as const) {
        const direct = await get(`${upstream.url}/v2/images/${id}/file`, as(token))
        for (const range of [{}, { Range: 'bytes=10-19' }]) {
          const got = await get(proxy.image(id), as(token, range))
          assert.equal(got.status, status)
          assert.equal(got.body.toString(), direct.body.toString())
        }
      }
      assert((await get(proxy.image(id), as('owner'))).body.equals(bytes))
    })

    test('a yes is reused for its token and image until its time is over', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const proxy = await startProxy(t, { upstream: upstream.url, driver, flags: ['--authorization-ttl=30'] })
      await cached(proxy)
      for (let round = 0; round < 3; round++) await get(proxy.image(id), as('owner'))
      assert.equal(questions(upstream), 0, 'the download itself was the yes')
      for (let round = 0; round < 3; round++) await get(proxy.image(id), as('second'))
      assert.equal(questions(upstream), 1)
    })

    test('ttl = 0 asks every time', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const proxy = await startProxy(t, { upstream: upstream.url, driver, flags: ['--authorization-ttl=0'] })
      await cached(proxy)
      for (let round = 0; round < 3; round++) await get(proxy.image(id), as('owner'))
      assert.equal(questions(upstream), 3)
    })

    test('rule 7: with another credential beside the token every request is asked for, with that field', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      await cached(proxy)
      let asked = 0
      for (const field of [
        'X-Service-Token',
        'X-Storage-Token',
        'Authorization',
        'Cookie',
        'X-Identity-Status',
        'X-User-Id',
        'X-Project-Id',
        'X-Roles',
      ]) {
        for (let round = 1; round <= 2; round++) {
          assert((await get(proxy.image(id), as('owner', { [field]: 'something' }))).complete)
          assert.equal(questions(upstream), ++asked, `${field} is asked for each time`)
        }
        assert.equal(upstream.fileRequests(id).at(-1)?.header(field.toLowerCase()), 'something')
      }
    })

    test('rule 8: a change through the proxy voids every yes at once', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      await cached(proxy)
      const deactivated = await get(`${proxy.url}/v2/images/${id}/actions/deactivate`, {
        method: 'POST',
        ...as('owner'),
      })
      assert.equal(deactivated.status, 204)
      assert.equal((await get(proxy.image(id), as('owner'))).status, 403)
      await get(`${proxy.url}/v2/images/${id}/actions/reactivate`, { method: 'POST', ...as('owner') })
      const again = await get(proxy.image(id), as('owner'))
      assert.equal(again.headers['cache-status'], 'afterimage; hit')
    })

    test('rule 8: an answer to a question that was asked before a change is not kept', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      await cached(proxy, 'first')
      const held = upstream.nextFile(id, { question: true, holdHeaders: true })
      const asking = get(proxy.image(id), as('owner'))
      await deadline(held.reached, 'the question is asked')
      await get(`${proxy.url}/v2/images/${id}`, { method: 'PATCH', ...as('owner') })
      held.release()
      assert((await asking).complete)
      await get(proxy.image(id), as('owner'))
      assert.equal(questions(upstream), 2)
    })

    test('rule 8: a granted DELETE evicts the image and forbids the commit of what is arriving', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      await cached(proxy)
      assert.equal((await get(`${proxy.url}/v2/images/${id}`, { method: 'DELETE', ...as('owner') })).status, 204)
      await eventually(async () => (await proxy.names()).length === 0, 'the cached image is evicted')
      assert.equal((await get(proxy.image(id), as('owner'))).status, 404)

      upstream.addImage({ id, bytes })
      const stall = upstream.nextFile(id, { stallAt: 1_000_000 })
      const reading = await open(proxy.image(id), as('owner'))
      await stall.reached
      await get(`${proxy.url}/v2/images/${id}`, { method: 'DELETE', ...as('owner') })
      await eventually(async () => (await proxy.names('incomplete')).length === 0, 'the incomplete file loses its name')
      stall.release()
      const got = await deadline(reading.rest, 'who was reading gets the rest')
      assert(got.complete && got.body.equals(bytes))
      await eventually(async () => (await proxy.metric('afterimage_fills_in_progress')) === 0, 'the fill has ended')
      assert.deepEqual(await proxy.names(), [])
    })

    test('rule 8: a DELETE stops a fill that nobody reads', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const stall = upstream.nextFile(id, { stallAt: 1_000_000 })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const reading = await open(proxy.image(id), as('owner'))
      await stall.reached
      reading.leave()
      await reading.rest
      await get(`${proxy.url}/v2/images/${id}`, { method: 'DELETE', ...as('owner') })
      await eventually(async () => (await proxy.metric('afterimage_fills_in_progress')) === 0, 'the fill is stopped')
      assert.deepEqual([await proxy.names(), await proxy.names('incomplete')], [[], []])
    })

    test('a DELETE that the upstream refuses evicts nothing', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      upstream.allow(id, 'owner')
      upstream.access.know('other')
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      await cached(proxy)
      assert.equal((await get(`${proxy.url}/v2/images/${id}`, { method: 'DELETE', ...as('other') })).status, 404)
      assert.equal((await get(proxy.image(id), as('owner'))).headers['cache-status'], 'afterimage; hit')
    })

    test('rule 9: somebody else’s 404 never evicts', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      upstream.allow(id, 'owner')
      upstream.access.know('other')
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      await cached(proxy)
      for (let round = 0; round < 5; round++) assert.equal((await get(proxy.image(id), as('other'))).status, 404)
      assert.equal((await get(proxy.image(id), as('owner'))).headers['cache-status'], 'afterimage; hit')
      assert.equal(upstream.downloads(id).length, 1)
    })

    test('rule 10: those who wait are asked for themselves before they join', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      upstream.allow(id, 'owner')
      upstream.access.know('other')
      const stall = upstream.nextFile(id, { stallAt: 1_000_000 })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const first = await open(proxy.image(id), as('owner'))
      await stall.reached
      assert.equal((await get(proxy.image(id), as('other'))).status, 404)
      assert.equal((await get(proxy.image(id), as('other', { Range: 'bytes=0-9' }))).status, 404)
      assert.equal((await get(proxy.image(id), as('expired'))).status, 401)
      const joined = await open(proxy.image(id), as('owner'))
      stall.release()
      assert((await first.rest).complete && (await joined.rest).complete)
      assert.equal(upstream.downloads(id).length, 1)
    })

    test('rule 10: a first one who is refused does not refuse the others: the next one asks for itself', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      upstream.allow(id, 'owner')
      upstream.access.know('other')
      const held = upstream.nextFile(id, { holdHeaders: true, status: 403, body: 'not you' })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const first = get(proxy.image(id), as('owner'))
      await deadline(held.reached, 'the first one asks')
      const second = get(proxy.image(id), as('owner'))
      await upstream.whenRequested((request) => request.header('range') === 'bytes=0-0')
      held.release()
      assert.equal((await first).status, 403)
      const got = await deadline(second, 'the second one is served')
      assert(got.complete && got.body.equals(bytes))
    })

    test('an image that is another one by now is set aside and fetched anew', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const proxy = await startProxy(t, { upstream: upstream.url, driver, flags: ['--authorization-ttl=0'] })
      await cached(proxy)
      const other = patternBytes(1_500_000, 7)
      upstream.replaceImage({ id, bytes: other })
      const got = await get(proxy.image(id), as('owner'))
      assert(got.complete && got.body.equals(other))
      await proxy.committed(id)
      assert.equal((await get(proxy.image(id), as('owner'))).headers['cache-status'], 'afterimage; hit')
    })

    test('when the upstream cannot be asked, nobody reads', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      await cached(proxy)
      upstream.nextFile(id, { question: true, resetAt: 0, status: 500 })
      upstream.everyFile(id, { question: true, status: 503, body: 'down' })
      const got = await get(proxy.image(id), as('second'))
      assert(got.status >= 500, String(got.status))
    })

    test('rule 11: in a store without ranges a 400 to the question is a yes, and the record tells the identity', async (t) => {
      const upstream = await startUpstream(t)
      upstream.refuseRanges = true
      upstream.addImage({ id, bytes })
      upstream.allow(id, 'owner')
      upstream.access.know('other')
      const proxy = await startProxy(t, { upstream: upstream.url, driver, flags: ['--authorization-ttl=0'] })
      await cached(proxy)
      for (let round = 0; round < 3; round++) {
        assert.equal((await get(proxy.image(id), as('owner'))).headers['cache-status'], 'afterimage; hit')
        assert.equal((await get(proxy.image(id), as('other'))).status, 404)
      }
      const other = patternBytes(1_500_000, 7)
      upstream.replaceImage({ id, bytes: other })
      upstream.allow(id, 'owner')
      assert((await get(proxy.image(id), as('owner'))).body.equals(other))
    })

    test('an image without data is passed through in the upstream’s words and not cached', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes: Buffer.alloc(0), status: 'queued' })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const got = await get(proxy.image(id), as('owner'))
      assert.equal(got.status, 204)
      assert.deepEqual([await proxy.names(), await proxy.names('incomplete')], [[], []])
    })
  })
}
