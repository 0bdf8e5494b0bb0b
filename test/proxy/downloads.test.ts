import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)

for (const driver of drivers) {
  describe(`downloads, ${driver}`, () => {
    test('a miss streams from the upstream, the next download comes from disk', async (t) => {
      const upstream = await startUpstream(t)
      const bytes = patternBytes(3_000_000)
      const { md5 } = upstream.addImage({ id, bytes })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })

      const miss = await get(proxy.image(id))
      assert.equal(miss.status, 200)
      assert(miss.body.equals(bytes) && miss.complete)
      assert.equal(miss.headers['cache-status'], 'afterimage; fwd=miss; stored')
      assert.equal(miss.headers['content-length'], '3000000')
      assert.equal(miss.headers['content-type'], 'application/octet-stream')
      assert.equal(miss.headers['content-md5'], md5)
      assert.match(String(miss.headers['x-openstack-request-id']), /^req-[0-9a-f-]{36}$/)
      await proxy.committed(id)
      assert((await readFile(join(proxy.dir, id))).equals(bytes))

      const hit = await get(proxy.image(id))
      assert(hit.body.equals(bytes) && hit.complete)
      assert.equal(hit.headers['cache-status'], 'afterimage; hit')
      assert.equal(hit.headers.etag, miss.headers.etag)
      assert.equal(upstream.downloads(id).length, 1)
    })

    test('the short form of a download serves the same image', async (t) => {
      const upstream = await startUpstream(t)
      const bytes = patternBytes(100_000)
      upstream.addImage({ id, bytes })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      assert((await get(`${proxy.url}/images/${id}`)).body.equals(bytes))
      await proxy.committed(id)
      const hit = await get(`${proxy.url}/images/${id}`)
      assert.equal(hit.headers['cache-status'], 'afterimage; hit')
      assert(hit.body.equals(bytes))
    })

    test('eight cold clients at once cost the upstream one download, and all stream while it fills', async (t) => {
      const upstream = await startUpstream(t)
      const bytes = patternBytes(8_000_000)
      upstream.addImage({ id, bytes })
      const stall = upstream.nextFile(id, { stallAt: 4_000_000 })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const clients = await Promise.all(Array.from({ length: 8 }, () => open(proxy.image(id))))
      await eventually(
        () => clients.every(({ received }) => received() === 4_000_000),
        'all have the half that is there',
      )
      stall.release()
      for (const { rest } of clients) {
        const got = await deadline(rest, 'a client gets the rest')
        assert(got.complete && got.body.equals(bytes))
      }
      assert.equal(upstream.downloads(id).length, 1)
      assert.deepEqual(clients.map(({ headers }) => headers['cache-status']).sort(), [
        ...Array(7).fill('afterimage; fwd=miss; collapsed'),
        'afterimage; fwd=miss; stored',
      ])
    })

    test('the fill goes on after its last reader has gone', async (t) => {
      const upstream = await startUpstream(t)
      const bytes = patternBytes(4_000_000)
      upstream.addImage({ id, bytes })
      const stall = upstream.nextFile(id, { stallAt: 1_000_000 })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const client = await open(proxy.image(id))
      await stall.reached
      client.leave()
      await client.rest
      stall.release()
      await proxy.committed(id)
      assert((await get(proxy.image(id))).body.equals(bytes))
      assert.equal(upstream.downloads(id).length, 1)
    })

    for (const range of [undefined, 'bytes=1000-1999']) {
      test(`a permission that comes after the fill has ended: ${range ?? 'the whole'} from what it left`, async (t) => {
        const upstream = await startUpstream(t)
        const bytes = patternBytes(2_000_000)
        upstream.addImage({ id, bytes })
        const stall = upstream.nextFile(id, { stallAt: 1_000_000 })
        const question = upstream.nextFile(id, { question: true, holdHeaders: true })
        const proxy = await startProxy(t, { upstream: upstream.url, driver })
        const first = await open(proxy.image(id), { headers: { 'X-Auth-Token': 'first' } })
        await stall.reached
        const headers = { 'X-Auth-Token': 'late', ...(range === undefined ? {} : { Range: range }) }
        const late = get(proxy.image(id), { headers })
        await deadline(question.reached, 'the late one is asked for')
        stall.release()
        assert((await first.rest).complete)
        await proxy.committed(id)
        question.release()
        const got = await deadline(late, 'the late one is served')
        assert(got.complete && got.body.equals(range === undefined ? bytes : bytes.subarray(1000, 2000)))
        assert.equal(upstream.downloads(id).length, 1)
      })
    }

    test('an upstream that breaks in the middle is resumed in the same response', async (t) => {
      const upstream = await startUpstream(t)
      const bytes = patternBytes(3_000_000)
      upstream.addImage({ id, bytes })
      upstream.nextFile(id, { resetAt: 1_234_567 })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const got = await get(proxy.image(id))
      assert(got.complete && got.body.equals(bytes))
      assert.deepEqual(
        upstream.downloads(id).map((request) => request.header('range')),
        [undefined, 'bytes=1234567-'],
      )
    })
  })
}
