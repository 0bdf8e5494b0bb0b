import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const [a, b] = [imageId(1), imageId(2)]
const bytes = patternBytes(300_000)
const path = '/api/v1/cache/prefetch'

for (const driver of drivers) {
  describe(`POST ${path}, ${driver}`, () => {
    test('tells each event on a line, the summary last; a client that leaves stops it, so does the end of the server', async (t) => {
      const upstream = await startUpstream(t)
      const proxy = await startProxy(t, { upstream: upstream.url, driver, flags: ['--graceful-shutdown-timeout=30'] })
      const queue = (id: string) => writeFile(join(proxy.dir, 'queue', id), '')
      for (const id of [a, b]) upstream.addImage({ id, bytes })
      await queue(a)
      const got = await deadline(get(`${proxy.url}${path}`, { method: 'POST' }), 'the run ends')
      assert.deepEqual([got.status, got.headers['content-type'], got.complete], [200, 'application/x-ndjson', true])
      const lines: unknown[] = got.body
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      assert.deepEqual(lines[0], { image: a, state: 'started', received: 0, size: 300_000 })
      assert.deepEqual(lines.slice(-2), [
        { image: a, state: 'cached', received: 300_000, size: 300_000 },
        { done: true, cached: 1, failed: 0 },
      ])

      await queue(b)
      const fills = () => proxy.metric('afterimage_fills_in_progress')
      const stall = upstream.nextFile(b, { stallAt: 100_000 })
      const left = await open(`${proxy.url}${path}`, { method: 'POST' })
      await stall.reached
      await eventually(async () => (await fills()) === 1, 'the fill is under way')
      left.leave()
      await eventually(async () => (await fills()) === 0, 'nobody wants it any more')
      assert.deepEqual(await proxy.names('queue'), [b])

      upstream.nextFile(b, { stallAt: 200_000 })
      const broken = await open(`${proxy.url}${path}`, { method: 'POST' })
      await eventually(async () => (await fills()) === 1, 'the fill is under way')
      // Within far less than the grace that downloads are given.
      await deadline(proxy.close(), 'the server ends', 5000)
      const last = (await broken.rest).body.toString().trimEnd().split('\n').slice(-2)
      assert.match(last[0] ?? '', /"state":"failed".*"reason":"it was stopped"/)
      assert.equal(last[1], '{"done":true,"cached":0,"failed":1}')
      assert.deepEqual(await proxy.names('queue'), [b])
    })
  })
}
