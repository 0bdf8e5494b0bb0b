import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { tempDir } from '../support/temp-dir.ts'
import { pattern, patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)
const driver = 'sqlite'

describe('rule 11: a store without ranges', () => {
  test('a range far ahead of what is arriving waits for it', async (t) => {
    const upstream = await startUpstream(t)
    upstream.refuseRanges = true
    const small = imageId(2)
    upstream.addImage({ id: small, bytes: patternBytes(1000), omit: ['stores'] })
    const content = pattern(70 << 20)
    upstream.addImage({ id, bytes: content, omit: ['md5', 'hash', 'stores'] })
    const proxy = await startProxy(t, { upstream: upstream.url, driver })
    await get(proxy.image(small))
    await proxy.committed(small)
    // The question to a hit brings to light what the store cannot do.
    assert((await get(proxy.image(small), { headers: { 'X-Auth-Token': 'one' } })).complete)

    const stall = upstream.nextFile(id, { stallAt: 1_000_000 })
    const whole = await open(proxy.image(id))
    await stall.reached
    const start = content.size - 1000
    const headers = { Range: `bytes=${start}-${start + 99}`, 'X-Auth-Token': 'two' }
    const far = get(proxy.image(id), { headers })
    const isQuestion = (range: string | undefined) => range === 'bytes=0-0'
    await upstream.whenRequested(
      (request) => request.header('x-auth-token') === 'two' && isQuestion(request.header('range')),
    )
    stall.release()
    const got = await deadline(far, 'the far range comes')
    assert.equal(got.status, 206)
    assert.equal(got.headers['cache-status'], 'afterimage; fwd=miss; collapsed')
    assert(got.body.equals(content.slice(start, 100)))
    whole.leave()
    await whole.rest
  })

  test('who goes on from the upstream by itself gets a whole download, of which the beginning is skipped', async (t) => {
    const upstream = await startUpstream(t)
    upstream.refuseRanges = true
    const bytes = patternBytes(3_000_000)
    upstream.addImage({ id, bytes })
    const dir = await tempDir(t)
    const one = await startProxy(t, { upstream: upstream.url, driver, dir })
    const two = await startProxy(t, { upstream: upstream.url, driver, dir })
    const stall = upstream.nextFile(id, { stallAt: 2_000_000 })
    const first = await open(one.image(id))
    await stall.reached
    const second = await open(two.image(id))
    await eventually(() => second.received() >= 1_900_000, 'the follower has what is there')
    first.leave()
    await one.close()
    const got = await deadline(second.rest, 'the follower gets the rest')
    assert(got.complete && got.body.equals(bytes))
  })

  test('what is left over of a fill is gone on with by a whole download', async (t) => {
    const upstream = await startUpstream(t)
    const bytes = patternBytes(3_000_000)
    upstream.addImage({ id, bytes })
    const dir = await tempDir(t)
    const stall = upstream.nextFile(id, { stallAt: 2_000_000 })
    const first = await startProxy(t, { upstream: upstream.url, driver, dir })
    const client = await open(first.image(id))
    await stall.reached
    client.leave()
    await first.close()
    upstream.refuseRanges = true
    const second = await startProxy(t, { upstream: upstream.url, driver, dir })
    const got = await deadline(get(second.image(id)), 'the download ends')
    assert(got.complete && got.body.equals(bytes))
    await second.committed(id)
  })
})
