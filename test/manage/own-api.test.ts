import assert from 'node:assert/strict'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type Got, get } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { imageSize, startManaged } from '../support/managed.ts'
import { drivers } from '../support/proxy.ts'
import { digestOf, pattern, patternBytes } from '../support/upstream-bytes.ts'

const parsed = ({ body }: Got) => JSON.parse(body.toString())

for (const driver of drivers) {
  describe(`/api/v1/cache (${driver})`, () => {
    test('lists images and says where each stands, on both listeners', async (t) => {
      const { expect, cached, proxy, ask } = await startManaged(t, driver)
      assert.deepEqual(await expect(200, 'GET', '/api/v1/cache/images'), { images: [] })
      const before = Date.now() - 1000
      const [one = '', two = ''] = await cached(1, 2)
      const got = await get(`${proxy.operatorUrl}/api/v1/cache/images`)
      const { images } = parsed(got)
      assert.deepEqual(await expect(200, 'GET', '/api/v1/cache/images'), { images })
      assert.deepEqual(
        images.map(({ id }: { id: string }) => id),
        [one, two],
      )
      const { accessed_at, modified_at, verified_at, ...rest } = images[0]
      const bytes = pattern(imageSize, 1)
      assert.deepEqual(rest, {
        id: one,
        size: imageSize,
        hits: 0,
        pinned: false,
        md5: digestOf(bytes, 'md5'),
        os_hash_algo: 'sha512',
        os_hash_value: digestOf(bytes, 'sha512'),
      })
      for (const time of [accessed_at, modified_at, verified_at])
        assert(before <= time && time <= Date.now(), String(time))
      const shown = await expect(200, 'GET', `/api/v1/cache/images/${one}`)
      assert.deepEqual(shown, { id: one, state: 'cached', cached: images[0] })
      assert.equal((await ask('GET', `/api/v1/cache/images/${imageId(9)}`)).status, 404)
    })

    test('pins and unpins; 404 for what is not cached', async (t) => {
      const { expect, ask, cached } = await startManaged(t, driver)
      const [id = ''] = await cached(1)
      const path = `/api/v1/cache/images/${id}`
      const isPinned = async () => parsed(await ask('GET', path)).cached.pinned
      for (const pinned of [true, true, false, false]) {
        await expect(204, pinned ? 'PUT' : 'DELETE', `${path}/pin`)
        assert.equal(await isPinned(), pinned)
      }
      for (const method of ['PUT', 'DELETE']) {
        assert.equal((await ask(method, `/api/v1/cache/images/${imageId(9)}/pin`)).status, 404)
      }
    })

    test('verify says how the bytes are', async (t) => {
      const { expect, ask, cached, proxy } = await startManaged(t, driver)
      const [id = ''] = await cached(1)
      const path = `/api/v1/cache/images/${id}/verify`
      assert.deepEqual(await expect(200, 'POST', path), { id, outcome: 'intact' })
      // As a failing disk would do it: the times say nothing.
      const file = await open(join(proxy.dir, id), 'r+')
      const { atime, mtime } = await file.stat()
      await file.write(Buffer.from('x'), 0, 1, 100)
      await file.utimes(atime, mtime)
      await file.close()
      const damaged = parsed(await ask('POST', path))
      assert.deepEqual([damaged.id, damaged.outcome], [id, 'damaged'])
      assert.deepEqual([await proxy.names(), await proxy.names('invalid')], [[], [id]])
      assert.equal((await ask('POST', `/api/v1/cache/images/${imageId(9)}/verify`)).status, 404)
    })

    test('shows what is arriving, what is queued and what is invalid', async (t) => {
      const { expect, ask, proxy, upstream } = await startManaged(t, driver)
      const id = imageId(1)
      upstream.addImage({ id, bytes: patternBytes(2_000_000) })
      const held = upstream.nextFile(id, { stallAt: 1_000_000 })
      const download = get(proxy.image(id))
      const incomplete = async () => parsed(await ask('GET', '/api/v1/cache/incomplete')).incomplete
      await eventually(async () => (await incomplete())[0]?.received === 1_000_000, 'it is arriving')
      const [{ started_at, bytes_per_second, ...arriving }] = await incomplete()
      assert.deepEqual(arriving, { id, size: 2_000_000, received: 1_000_000, owner: 'here', readers: 1, resumes: 0 })
      assert(started_at <= Date.now() && bytes_per_second > 0)
      const shown = parsed(await ask('GET', `/api/v1/cache/images/${id}`))
      assert.deepEqual([shown.state, shown.incomplete.received, shown.cached], ['incomplete', 1_000_000, undefined])
      held.release()
      assert((await deadline(download, 'the download')).complete)

      await expect(200, 'PUT', `/v2/queued_images/${imageId(2)}`)
      const { queue } = parsed(await ask('GET', '/api/v1/cache/queue'))
      const [{ queued_at, ...entry }] = queue
      assert.deepEqual([queue.length, entry], [1, { id: imageId(2), immediate: false, attempts: 0 }])
      assert(Math.abs(queued_at - Date.now()) < 60_000)
      const waiting = parsed(await ask('GET', `/api/v1/cache/images/${imageId(2)}`))
      assert.deepEqual(waiting, { id: imageId(2), state: 'queued', queued: queue[0] })

      await writeFile(join(proxy.dir, 'invalid', imageId(3)), 'bad')
      const invalid = await expect(200, 'GET', `/api/v1/cache/images/${imageId(3)}`)
      assert.deepEqual(invalid, { id: imageId(3), state: 'invalid', invalid: { size: 3 } })
    })

    test('prefetch fetches what is queued and tells how it went', async (t) => {
      const { ask, expect, proxy, upstream } = await startManaged(t, driver)
      upstream.addImage({ id: imageId(1), bytes: patternBytes(imageSize) })
      await expect(200, 'PUT', `/v2/queued_images/${imageId(1)}`)
      const got = await deadline(ask('POST', '/api/v1/cache/prefetch'), 'the run ends')
      assert.deepEqual([got.status, got.headers['content-type']], [200, 'application/x-ndjson'])
      const lines = got.body
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      assert.deepEqual(lines.at(-1), { done: true, cached: 1, failed: 0 })
      assert.equal(lines.find(({ state }) => state === 'cached')?.image, imageId(1))
      assert.deepEqual([await proxy.names(), await proxy.names('queue')], [[imageId(1)], []])
    })
  })
}
