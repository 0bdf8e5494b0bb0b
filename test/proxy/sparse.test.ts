import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { get } from '../support/client.ts'
import { imageId } from '../support/image-id.ts'
import { drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)
/** A disk of 24 MiB with some data at its beginning, in the middle and at its end. */
const bytes = Buffer.alloc(24 << 20)
for (const at of [0, 9_999_999, bytes.length - 200_000]) patternBytes(200_000, at + 1).copy(bytes, at)
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex')

for (const driver of drivers) {
  describe(`an image that is mostly zeros, ${driver}`, () => {
    test('takes only the room of its data, and is the same on a miss, a hit and a range', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const miss = await get(proxy.image(id))
      assert(miss.complete && sha256(miss.body) === sha256(bytes))
      await proxy.committed(id)
      const { size, blocks } = await stat(join(proxy.dir, id))
      assert.equal(size, bytes.length)
      assert(blocks * 512 < 2 << 20, `${blocks * 512} bytes on disk`)
      const hit = await get(proxy.image(id))
      assert.equal(hit.headers['cache-status'], 'afterimage; hit')
      assert(sha256(hit.body) === sha256(bytes))
      const range = await get(proxy.image(id), { headers: { Range: 'bytes=9000000-10100000' } })
      assert(range.body.equals(bytes.subarray(9_000_000, 10_100_001)))
    })

    test('that breaks off among zeros and is resumed is whole', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      upstream.nextFile(id, { resetAt: 5_000_000 })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const got = await get(proxy.image(id))
      assert(got.complete && sha256(got.body) === sha256(bytes))
      assert.match(upstream.downloads(id).at(-1)?.header('range') ?? '', /^bytes=\d+-$/)
    })
  })
}
