import assert from 'node:assert/strict'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers } from '../support/proxy.ts'
import { startProgram } from '../support/start-program.ts'
import { pattern, patternBytes } from '../support/upstream-bytes.ts'
import { startWorkers } from '../support/workers.ts'

const size = 5_000_000
const bytes = patternBytes(size)
const owner = { 'X-Auth-Token': 'owner' }

for (const driver of drivers) {
  describe(`two workers, ${driver}`, () => {
    test('what they share', async (t) => {
      const server = await startWorkers(t, driver, { flags: ['--log-level=info'] })
      const { upstream, dir, image, url } = server
      const [one, two] = [await server.connectedTo(1), await server.connectedTo(2)]
      const both = [one, two]
      const hitsOf = async (id: string, via = {}) => {
        const list = JSON.parse((await get(`${url}/v2/cache`, via)).body.toString())
        return list.cached_images.find((entry: { image_id: string }) => entry.image_id === id)?.hits
      }

      await t.test(
        'eight cold clients and the prefetcher: one download, streamed to all while it arrives',
        async () => {
          const id = imageId(1)
          upstream.addImage({ id, bytes })
          const stall = upstream.nextFile(id, { stallAt: 3_000_000 })
          await get(`${url}/v2/queued_images/${id}`, { method: 'PUT', ...two })
          const prefetcher = startProgram(t, 'cache-prefetcher.ts', server.flags)
          const clients = await Promise.all(Array.from({ length: 8 }, () => open(image(id))))
          await deadline(stall.reached, 'some of it is sent')
          await eventually(() => clients.every(({ received }) => received() >= 2_900_000), 'all have what is there')
          stall.release()
          for (const { rest } of clients) {
            const got = await deadline(rest, 'the download ends')
            assert(got.complete && got.body.equals(bytes))
          }
          const { code, stdout } = await prefetcher.ended()
          assert.equal(code, 0, stdout)
          assert.equal(upstream.downloads(id).length, 1)
          await server.committed(id)
          const ofImage = () => server.lines().filter((line) => line.msg === 'download' && line.image === id)
          await eventually(() => new Set(ofImage().map(({ worker }) => worker)).size === 2, 'both workers had clients')
        },
      )

      await t.test('eight hits are counted once each, whoever answers; both say the same', async () => {
        const id = imageId(1)
        const before = await hitsOf(id)
        const got = await Promise.all(Array.from({ length: 8 }, () => get(image(id))))
        assert(got.every(({ headers, body }) => headers['cache-status'] === 'afterimage; hit' && body.equals(bytes)))
        for (const via of both) await eventually(async () => (await hitsOf(id, via)) === before + 8, 'eight more hits')
        const lists = await Promise.all(both.map((via) => get(`${url}/api/v1/cache/images`, via)))
        assert.deepEqual(lists[0]?.body, lists[1]?.body)
      })

      await t.test('rule 8: a change through one voids every yes of the other before it is answered', async () => {
        const id = imageId(2)
        upstream.addImage({ id, bytes: patternBytes(1000) })
        upstream.access.know('owner', 'guest')
        const ask = (via: object) => get(image(id), { headers: { 'X-Auth-Token': 'guest' }, ...via })
        await ask(one)
        await server.committed(id)
        for (const [through, other] of [both, both.toReversed()]) {
          upstream.access.allow(id, 'owner')
          upstream.access.allow(id, 'guest')
          for (const via of both) assert.equal((await ask(via)).status, 200)
          upstream.access.disallow(id, 'guest')
          for (const via of both) assert.equal((await ask(via)).status, 200, 'the yes is remembered')
          const member = `${url}/v2/images/${id}/members/guest`
          const changed = await get(member, { method: 'DELETE', headers: owner, ...through })
          assert(changed.status < 300, String(changed.status))
          assert.equal((await ask({ ...other })).status, 404)
        }
        upstream.access.allow(id, '*')
      })

      await t.test('a granted DELETE through one forbids the commit of what the other receives', async () => {
        for (const [number, filling, deleting] of [
          [3, one, two],
          [4, two, one],
        ] as const) {
          const id = imageId(number)
          upstream.addImage({ id, bytes })
          const stall = upstream.nextFile(id, { stallAt: 3_000_000 })
          const client = await open(image(id), { headers: owner, ...filling })
          await deadline(stall.reached, 'some of it is sent')
          await eventually(async () => (await server.names('incomplete')).includes(id), 'it is being filled')
          const deleted = await get(`${url}/v2/images/${id}`, { method: 'DELETE', headers: owner, ...deleting })
          assert.equal(deleted.status, 204)
          stall.release()
          const got = await deadline(client.rest, 'who was reading gets the rest')
          assert(got.complete && got.body.equals(bytes))
          await eventually(
            async () => (await server.metric('afterimage_fills_in_progress')) === 0,
            'the fill has ended',
          )
          assert.deepEqual([await server.names('incomplete'), (await server.names()).includes(id)], [[], false])
        }
      })

      await t.test('an image that proves wrong is cut off from readers of every worker', async () => {
        const id = imageId(5)
        // More than the kernel takes for clients that read nothing: 4 MiB of ours, and 32 MiB of theirs.
        const size = 80_000_000
        upstream.addImage({ id, bytes: pattern(size) })
        await get(image(id), { headers: owner })
        await server.committed(id)
        const readers = await Promise.all(
          both.map(async (via) => {
            const reader = await open(image(id), { headers: owner, ...via })
            reader.pause()
            return reader
          }),
        )
        // As a failing disk would: the same file, of the same time, with another byte in it.
        await using file = await openFile(join(dir, id), 'r+')
        const { atime, mtime } = await file.stat()
        await file.write(Buffer.from([0, 255]), 0, 2, size - 1_000_000)
        await file.utimes(atime, mtime)
        upstream.everyFile(id, { status: 500, body: 'no' })
        const verified = await get(`${url}/api/v1/cache/images/${id}/verify`, { method: 'POST', headers: owner })
        assert.equal(JSON.parse(verified.body.toString()).outcome, 'damaged', verified.body.toString())
        for (const reader of readers) {
          reader.resume()
          assert(!(await deadline(reader.rest, 'the reader is cut off')).complete)
        }
        assert.deepEqual(await server.names('invalid'), [id])
      })

      await t.test('the metrics are those of both', async () => {
        const logged = () => server.lines().filter(({ msg }) => msg === 'download').length
        const counted = async () => {
          const results = ['hit', 'miss', 'joined', 'pass'].map(
            (result) => `afterimage_downloads_total{result="${result}"}`,
          )
          return (await Promise.all(results.map(server.metric))).reduce((sum, count) => sum + count, 0)
        }
        await eventually(async () => (await counted()) === logged(), 'all downloads are counted')
        // The probe is the third.
        assert.equal(await server.metric('afterimage_cached_images'), 3)
      })
    })
  })
}
