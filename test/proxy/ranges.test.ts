import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { pattern, patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)
const size = 1_000_000
const bytes = patternBytes(size)

for (const driver of drivers) {
  test(`ranges and conditions of a cached image, ${driver}`, async (t) => {
    const upstream = await startUpstream(t)
    upstream.addImage({ id, bytes })
    const proxy = await startProxy(t, { upstream: upstream.url, driver })
    const { headers } = await get(proxy.image(id))
    await proxy.committed(id)
    const etag = String(headers.etag)
    const ask = (fields: Record<string, string>) => get(proxy.image(id), { headers: fields })

    for (const [range, start, end] of [
      ['bytes=0-0', 0, 1],
      ['bytes=100-199', 100, 200],
      ['bytes=999990-', 999_990, size],
      ['bytes=-10', 999_990, size],
      ['bytes=500000-99999999', 500_000, size],
    ] as const) {
      await t.test(`${range}: 206 with just these bytes`, async () => {
        const got = await ask({ Range: range })
        assert.equal(got.status, 206)
        assert.equal(got.headers['content-range'], `bytes ${start}-${end - 1}/${size}`)
        assert.equal(got.headers['content-length'], String(end - start))
        assert.equal(got.headers['cache-status'], 'afterimage; hit')
        assert(got.body.equals(bytes.subarray(start, end)))
      })
    }

    await t.test('a range outside: 416 with the size', async () => {
      const got = await ask({ Range: `bytes=${size}-` })
      assert.equal(got.status, 416)
      assert.equal(got.headers['content-range'], `bytes */${size}`)
    })

    await t.test('If-None-Match: 304 without a body', async () => {
      const got = await ask({ 'If-None-Match': `"other", W/${etag}` })
      assert.equal(got.status, 304)
      assert.equal(got.body.length, 0)
      assert.equal(got.headers.etag, etag)
    })

    await t.test('If-Match of another image: 412', async () => {
      assert.equal((await ask({ 'If-Match': '"other"' })).status, 412)
    })

    await t.test('If-Range: the range while the image is the same, else the whole', async () => {
      assert.equal((await ask({ Range: 'bytes=0-9', 'If-Range': etag })).status, 206)
      assert.equal((await ask({ Range: 'bytes=0-9', 'If-Range': '"other"' })).status, 200)
    })

    await t.test('several ranges go upstream', async () => {
      await ask({ Range: 'bytes=0-9,20-29' })
      assert.equal(upstream.fileRequests(id).at(-1)?.header('range'), 'bytes=0-9,20-29')
    })

    await t.test('HEAD is the upstream’s to answer', async () => {
      assert.equal((await get(proxy.image(id), { method: 'HEAD' })).status, 405)
    })
  })

  test(`ranges of an image that is not cached, ${driver}`, async (t) => {
    const upstream = await startUpstream(t)
    const proxy = await startProxy(t, { upstream: upstream.url, driver })
    const ask = (image: string, fields: Record<string, string>) => get(proxy.image(image), { headers: fields })

    await t.test('go upstream as they are, and nothing is cached', async () => {
      upstream.addImage({ id, bytes })
      const got = await ask(id, { Range: 'bytes=100-199' })
      assert.equal(got.status, 206)
      assert(got.body.equals(bytes.subarray(100, 200)))
      assert.equal(got.headers['cache-status'], 'afterimage; fwd=miss; detail=range')
      assert.deepEqual(await proxy.names('incomplete'), [])
    })

    await t.test('Glance’s old Content-Range request field passes too', async () => {
      await ask(id, { 'Content-Range': 'bytes 3-5/*' })
      assert.equal(upstream.fileRequests(id).at(-1)?.header('content-range'), 'bytes 3-5/*')
    })

    await t.test('rule 17: If-Range, which Glance ignores, is compared here', async () => {
      const other = imageId(2)
      const image = upstream.addImage({ id: other, bytes })
      const etag = `"${image.record().os_hash_value}"`
      const same = await ask(other, { Range: 'bytes=0-9', 'If-Range': etag })
      assert.equal(same.status, 206)
      assert.equal(upstream.downloads(other).at(-1)?.header('if-range'), undefined)
      const changed = await ask(other, { Range: 'bytes=0-9', 'If-Range': '"what it was"' })
      assert.equal(changed.status, 200)
      assert(changed.body.equals(bytes))
    })

    await t.test('a range near what is arriving is served from it; one far ahead goes upstream by itself', async () => {
      const large = imageId(3)
      const content = pattern(100 << 20)
      upstream.addImage({ id: large, bytes: content })
      const stall = upstream.nextFile(large, { stallAt: 5_000_000 })
      const whole = await open(proxy.image(large))
      await stall.reached
      const near = await open(proxy.image(large), { headers: { Range: 'bytes=1000000-1999999' } })
      assert.equal(near.headers['cache-status'], 'afterimage; fwd=miss; collapsed')
      await eventually(() => near.received() > 900_000, 'the near range streams')
      const far = await deadline(ask(large, { Range: 'bytes=104000000-104000099' }), 'the far range does not wait')
      assert.equal(far.headers['cache-status'], 'afterimage; fwd=miss; detail=range')
      assert(far.body.equals(content.slice(104_000_000, 100)))
      stall.release()
      assert((await near.rest).complete && (await whole.rest).complete)
    })
  })

  test(`range_miss = fill also caches the image in the background, ${driver}`, async (t) => {
    const upstream = await startUpstream(t)
    upstream.addImage({ id, bytes })
    const proxy = await startProxy(t, { upstream: upstream.url, driver, flags: ['--cache-range-miss=fill'] })
    const got = await get(proxy.image(id), { headers: { Range: 'bytes=100-199' } })
    assert(got.body.equals(bytes.subarray(100, 200)))
    await proxy.committed(id)
    assert.equal((await get(proxy.image(id))).headers['cache-status'], 'afterimage; hit')
  })
}
