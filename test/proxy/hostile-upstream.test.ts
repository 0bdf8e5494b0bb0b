import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import type { Fault } from '../support/upstream-fault.ts'

const id = imageId(1)
const size = 2_500_000
const bytes = patternBytes(size)
const last = size - 1
const flags = ['--origin-idle-timeout=0.3']

/** What the upstream does once; afterwards it behaves. */
const healed: [name: string, fault: Fault][] = [
  ['resets before the first byte', { resetAt: 0 }],
  ['resets in the middle', { resetAt: 1_000_003 }],
  ['resets before the last byte', { resetAt: last }],
  ['closes in order in the middle', { endAt: 1_000_003 }],
  ['closes in order before the last byte', { endAt: last }],
  ['stalls in the middle', { stallAt: 1_000_003 }],
  ['stalls before the last byte', { stallAt: last }],
  ['ends chunks too early', { chunked: true, cutAt: 1_000_003 }],
  ['ends chunks one byte early', { chunked: true, cutAt: last }],
]

/** Wrong bytes or a wrong number of them, which nothing can make right in the same response. */
const fatal: [name: string, fault: Fault][] = [
  ['the first byte is wrong', { corruptAt: 0 }],
  ['a byte in the middle is wrong', { corruptAt: 1_000_003 }],
  ['the last byte is wrong', { corruptAt: last }],
  ['a byte too many', { extra: 1 }],
  ['bytes too many, in chunks', { chunked: true, extra: 5000 }],
  ['a Content-Length that is too small', { contentLength: size - 1 }],
  ['a Content-Length that is too large', { contentLength: size + 1 }],
  ['another Content-MD5 than the record says', { md5: 'd41d8cd98f00b204e9800998ecf8427e' }],
]

for (const driver of drivers) {
  for (const refuseRanges of [false, true]) {
    test(`a hostile upstream ${refuseRanges ? 'without ranges' : 'with ranges'}, ${driver}`, async (t) => {
      const upstream = await startUpstream(t)
      upstream.refuseRanges = refuseRanges
      const proxy = await startProxy(t, { upstream: upstream.url, driver, flags })
      let number = 1
      const addImage = (fault: Fault) => {
        const added = imageId(++number)
        upstream.addImage({ id: added, bytes })
        upstream.nextFile(added, fault)
        return added
      }

      for (const [name, fault] of healed) {
        await t.test(`${name}: the client gets the whole image in the same response`, async () => {
          const image = addImage(fault)
          const got = await deadline(get(proxy.image(image)), 'the download ends')
          assert(got.complete && got.body.equals(bytes), `complete ${got.complete}, ${got.body.length} bytes`)
          await proxy.committed(image)
          assert(upstream.downloads(image).length >= 2)
        })
      }

      for (const [name, fault] of fatal) {
        await t.test(`${name}: no complete-looking image, nothing committed, the next download is right`, async () => {
          const image = addImage(fault)
          const got = await deadline(get(proxy.image(image)), 'the download ends')
          assert(got.status === 502 || !got.complete, `status ${got.status}, complete ${got.complete}`)
          await eventually(async () => (await proxy.names('incomplete')).length === 0, 'the failed fill is put away')
          assert(!(await proxy.names()).includes(image))

          const next = await deadline(get(proxy.image(image)), 'the next download ends')
          assert(next.complete && next.body.equals(bytes))
          await proxy.committed(image)
        })
      }
    })
  }

  describe(`wrong bytes, ${driver}`, () => {
    test('rule 3: a range cut from a fill that turns out wrong never completes', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const stall = upstream.nextFile(id, { corruptAt: last, stallAt: 2_000_000 })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const whole = await open(proxy.image(id))
      await stall.reached
      const range = await open(proxy.image(id), { headers: { Range: 'bytes=1000-999999' } })
      assert.equal(range.status, 206)
      assert.equal(range.headers['cache-status'], 'afterimage; fwd=miss; collapsed')
      await eventually(() => range.received() > 500_000, 'bytes of the range stream before the proof')
      stall.release()
      const [gotWhole, gotRange] = await deadline(Promise.all([whole.rest, range.rest]), 'both are cut off')
      assert(!gotWhole.complete && !gotRange.complete)
      assert(gotRange.body.length < 999_000)
      assert.equal(gotRange.broke, 'ECONNRESET')
      const wrong = () => proxy.metric('afterimage_fills_total{outcome="wrong"}')
      await eventually(async () => (await wrong()) === 1, 'the fill has ended as wrong')
      assert.deepEqual(await proxy.names('invalid'), [id])
    })

    test('rule 3: the last bytes of a range come when the whole is proven', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const stall = upstream.nextFile(id, { stallAt: 2_000_000 })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const whole = await open(proxy.image(id))
      await stall.reached
      const range = await open(proxy.image(id), { headers: { Range: 'bytes=1000-999999' } })
      await eventually(() => range.received() > 900_000, 'bytes of the range stream before the proof')
      assert(range.received() < 999_000)
      stall.release()
      const got = await deadline(range.rest, 'the range is whole')
      assert(got.complete && got.body.equals(bytes.subarray(1000, 1_000_000)))
      assert((await whole.rest).complete)
    })

    test('hold_back = false gives everything at once, and a wrong image is still never committed', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      upstream.nextFile(id, { corruptAt: 5 })
      const proxy = await startProxy(t, { upstream: upstream.url, driver, flags: ['--cache-hold-back=false'] })
      await get(proxy.image(id))
      await eventually(async () => (await proxy.names('invalid')).includes(id), 'the wrong file is set aside')
      assert.deepEqual(await proxy.names(), [])
    })

    test('rule 6: what is cut off is reset, so that an HTTP/1.0 client cannot take it for the whole', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      upstream.nextFile(id, { corruptAt: 5 })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const got = await get(proxy.image(id))
      assert.equal(got.broke, 'ECONNRESET')
    })

    test('an upstream that never comes back: the client is cut off, what is there is resumed later', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      upstream.nextFile(id, { resetAt: 1_500_000 })
      upstream.everyFile(id, { status: 403, body: 'no more' })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const got = await deadline(get(proxy.image(id)), 'the client is cut off')
      assert(!got.complete && got.body.length <= 1_500_000)
      upstream.everyFile(id, undefined)
      await eventually(async () => (await proxy.metric('afterimage_fills_in_progress')) === 0, 'the fill has ended')
      const next = await get(proxy.image(id))
      assert(next.complete && next.body.equals(bytes))
      assert.equal(upstream.downloads(id).at(-1)?.header('range'), 'bytes=1500000-')
      await proxy.committed(id)
    })

    test('rule 4: without a declared digest a fill goes on only while the record is unchanged', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes, omit: ['md5', 'hash'] })
      const fault = upstream.nextFile(id, { resetAt: 1_000_000 })
      const proxy = await startProxy(t, { upstream: upstream.url, driver })
      const same = await get(proxy.image(id))
      assert(same.complete && same.body.equals(bytes))
      await fault.reached
      await proxy.committed(id)

      const other = imageId(2)
      upstream.addImage({ id: other, bytes, omit: ['md5', 'hash'] })
      const stall = upstream.nextFile(other, { stallAt: 900_000, resetAt: 1_000_000 })
      const client = await open(proxy.image(other))
      await stall.reached
      upstream.replaceImage({ id: other, bytes: patternBytes(size, 9), omit: ['md5', 'hash'] })
      stall.release()
      const got = await deadline(client.rest, 'the client is cut off')
      assert(!got.complete, 'two images are not joined')
      assert(!(await proxy.names()).includes(other))
    })
  })
}
