import assert from 'node:assert/strict'
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { type DriverName, drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)
const bytes = patternBytes(5_000_000)

/** Two servers on one directory. Their locks belong to opened files, so they meet as two processes do. */
async function startTwo(t: TestContext, driver: DriverName) {
  const upstream = await startUpstream(t)
  upstream.addImage({ id, bytes })
  const dir = await tempDir(t)
  const one = await startProxy(t, { upstream: upstream.url, driver, dir })
  const two = await startProxy(t, { upstream: upstream.url, driver, dir })
  return { upstream, dir, one, two }
}

for (const driver of drivers) {
  describe(`two servers on one cache directory, ${driver}`, () => {
    test('the second follows the growing file of the first: one download', async (t) => {
      const { upstream, one, two } = await startTwo(t, driver)
      const stall = upstream.nextFile(id, { stallAt: 3_000_000 })
      const first = await open(one.image(id))
      await stall.reached
      const second = await open(two.image(id))
      await eventually(() => second.received() >= 2_900_000, 'the follower has what is there')
      stall.release()
      for (const { rest } of [first, second]) {
        const got = await deadline(rest, 'both get the whole')
        assert(got.complete && got.body.equals(bytes))
      }
      assert.equal(upstream.downloads(id).length, 1)
      await eventually(async () => (await get(two.image(id))).headers['cache-status'] === 'afterimage; hit', 'a hit')
    })

    test('rule 2: progress is the published watermark, never the size of the file', async (t) => {
      const { upstream, dir, one, two } = await startTwo(t, driver)
      const stall = upstream.nextFile(id, { stallAt: 2_000_000 })
      const first = await open(one.image(id))
      await stall.reached
      await eventually(async () => (await one.names('incomplete')).includes(id), 'the fill has its file')
      await truncate(join(dir, 'incomplete', id), bytes.length)
      const second = await open(two.image(id))
      await eventually(() => second.received() >= 1_900_000, 'the follower has what is there')
      assert(second.received() <= 2_000_000, 'and nothing that has not arrived')
      stall.release()
      const got = await deadline(second.rest, 'the follower gets the rest')
      assert(got.complete && got.body.equals(bytes))
      assert((await first.rest).complete)
    })

    test('rule 2: a follower never completes an image that turns out wrong', async (t) => {
      const { upstream, one, two } = await startTwo(t, driver)
      const stall = upstream.nextFile(id, { stallAt: 3_000_000, corruptAt: 100 })
      const first = await open(one.image(id))
      await stall.reached
      const second = await open(two.image(id))
      await eventually(() => second.received() >= 2_900_000, 'the follower has what is there')
      upstream.everyFile(id, { status: 500, body: 'gone' })
      stall.release()
      assert(!(await deadline(first.rest, 'the first is cut off')).complete)
      assert(!(await deadline(second.rest, 'the follower is cut off')).complete)
    })

    test('rule 2: when the filling process goes, its follower goes upstream at its own offset', async (t) => {
      const { upstream, one, two } = await startTwo(t, driver)
      const stall = upstream.nextFile(id, { stallAt: 3_000_000 })
      const first = await open(one.image(id))
      await stall.reached
      const second = await open(two.image(id))
      await eventually(() => second.received() >= 2_900_000, 'the follower has what is there')
      first.leave()
      await one.close()
      const got = await deadline(second.rest, 'the follower gets the rest')
      assert(got.complete && got.body.equals(bytes))
      assert.match(String(upstream.downloads(id).at(-1)?.header('range')), /^bytes=\d{7}-/)
    })
  })
}
