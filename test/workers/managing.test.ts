import assert from 'node:assert/strict'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers } from '../support/proxy.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { startWorkers } from '../support/workers.ts'

const bytes = patternBytes(3_000_000)

for (const driver of drivers) {
  describe(`managing through each of two workers, ${driver}`, () => {
    test('the same answer from each', async (t) => {
      const server = await startWorkers(t, driver)
      const { upstream, url, image } = server
      const both = [await server.connectedTo(1), await server.connectedTo(2)]
      const [, two] = both
      const id = imageId(1)
      upstream.addImage({ id, bytes })

      await t.test('lists, refusals, and what nobody knows', async () => {
        const none = imageId(9)
        // The hits by which the workers were found are counted a moment later.
        const hits = async () => JSON.parse((await get(`${url}/v2/cache`, two)).body.toString()).cached_images[0]?.hits
        const found = server.lines().filter(({ msg, result }) => msg === 'download' && result === 'hit').length
        await eventually(async () => (await hits()) === found, 'all hits so far are counted')
        for (const [method, path, status] of [
          ['GET', '/v2/cache', 200],
          ['GET', '/v2/cached_images', 200],
          ['GET', '/queued-images', 200],
          ['GET', '/api/v1/cache/images', 200],
          ['GET', `/api/v1/cache/images/${none}`, 404],
          ['PUT', `/v2/cache/${none}`, 404],
          ['PUT', `/v2/cached_images/${none}`, 404],
          ['POST', '/v2/cache', 405],
          ['DELETE', '/v2/queued_images', 200],
          ['PUT', `/api/v1/cache/images/${none}/pin`, 404],
          ['POST', '/v2/cache/prune', 200],
          ['POST', '/v2/cache/clean', 200],
        ] as const) {
          const [first, second] = await Promise.all(both.map((via) => get(`${url}${path}`, { method, ...via })))
          assert(first !== undefined && second !== undefined)
          assert.equal(first.status, status, `${method} ${path}: ${first.body}`)
          const said = ({ status, headers, body }: typeof first) => ({
            status,
            body: body.toString(),
            type: headers['content-type'],
            length: headers['content-length'],
            allow: headers.allow,
          })
          assert.deepEqual(said(second), said(first), `${method} ${path}`)
          assert.match(String(second.headers['x-openstack-request-id']), /^req-[0-9a-f-]{36}$/)
        }
      })

      await t.test('a prefetch begun through one is seen, and stopped, through the other', async () => {
        const stall = upstream.nextFile(id, { stallAt: 1_000_000 })
        const begun = await get(`${url}/v2/cache/${id}`, { method: 'PUT', headers: { 'X-Auth-Token': 'mine' }, ...two })
        assert.equal(begun.status, 202)
        await deadline(stall.reached, 'it is being fetched')
        assert.equal(upstream.downloads(id).at(-1)?.header('x-auth-token'), 'mine', 'with the token of whoever asked')
        for (const via of both) {
          const owner = async () => {
            const { body } = await get(`${url}/api/v1/cache/incomplete`, via)
            return JSON.parse(body.toString()).incomplete[0]?.owner
          }
          await eventually(async () => (await owner()) === 'here', 'it is under way where it is managed')
        }
        assert.equal((await get(`${url}/v2/cache/${id}`, { method: 'DELETE', ...two })).status, 204)
        assert.equal((await get(`${url}/api/v1/cache/queue`, two)).body.toString(), '{"queue":[]}')
        await eventually(async () => (await server.metric('afterimage_fills_in_progress')) === 0, 'the fetch has ended')
        stall.release()
      })

      await t.test('a long work is told as it goes on; who leaves gives it up', async () => {
        const asked = { method: 'POST', ...two }
        await get(`${url}/v2/queued_images/${id}`, { method: 'PUT', ...two })
        const stall = upstream.nextFile(id, { stallAt: 2_000_000 })
        const left = await open(`${url}/api/v1/cache/prefetch`, asked)
        await eventually(() => left.received() > 0, 'it has begun')
        left.leave()
        await eventually(async () => (await server.metric('afterimage_fills_in_progress')) === 0, 'it was given up')
        stall.release()
        const told = await deadline(get(`${url}/api/v1/cache/prefetch`, asked), 'all of it')
        assert(told.complete)
        assert.deepEqual(JSON.parse(told.body.toString().trim().split('\n').at(-1) ?? ''), {
          done: true,
          cached: 1,
          failed: 0,
        })
        for (const via of both) assert.equal((await get(image(id), via)).headers['cache-status'], 'afterimage; hit')
      })

      await t.test('a body is passed on, or waited for, as it was sent', async () => {
        const { promise, resolve, reject } = Promise.withResolvers<{
          status: number
          body: string
          wasAsked: boolean
        }>()
        let wasAsked = false
        const via = await server.connectedTo(2)
        const path = `${url}/v2/queued_images/${id}`
        const headers = { Expect: '100-continue', 'Transfer-Encoding': 'chunked' }
        const sent = request(path, { method: 'DELETE', headers, ...via }, (answer) => {
          text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body, wasAsked }), reject)
        })
        sent.on('error', reject).once('continue', () => {
          wasAsked = true
          sent.end(Buffer.alloc(100_000))
        })
        sent.flushHeaders()
        const got = await deadline(promise, 'an answer')
        assert.deepEqual(got, { status: 200, body: 'null', wasAsked: true })
        const refused = await get(`${url}/v2/cache`, { method: 'GET', body: Buffer.from('x'), ...via })
        assert.equal(refused.status, 400)
      })
    })
  })
}
