import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get, open } from '../../support/client.ts'
import { deadline } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'
import { type RawAnswer, rawClient } from '../../support/upstream-raw-client.ts'
import { isSample, sample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { type RangeCase, rangeCases } from './range-cases.ts'
import { ask, startScene } from './scene.ts'

const size = 400_000
const image = patternBytes(size)

/** Asserts what came; says it in a row's words. */
function judge({ wanted }: RangeCase, { status, body, fields }: RawAnswer, source: string): string {
  const field = (name: string) => fields.find(([known]) => known.toLowerCase() === name)?.[1]
  if (wanted === 'relayed') {
    // The store of the tests, as Glance, takes one range only.
    assert.deepEqual([status, body.includes('Range requested is not available')], [416, true])
    return 'the answer of the store'
  }
  if (wanted === 'not modified' || wanted === 'failed' || wanted === 'unsatisfiable') {
    const code = { 'not modified': 304, failed: 412, unsatisfiable: 416 }[wanted]
    assert.deepEqual([status, body.length], [code, 0])
    if (code === 416) assert.equal(field('content-range'), `bytes */${size}`)
    return String(code)
  }
  const [start, end] = wanted === 'whole' ? [0, size] : wanted
  assert.equal(status, wanted === 'whole' ? 200 : 206)
  assert(body.equals(image.subarray(start, end)))
  assert.equal(field('content-length'), String(end - start))
  assert.equal(field('content-range'), wanted === 'whole' ? undefined : `bytes ${start}-${end - 1}/${size}`)
  return wanted === 'whole' ? `the whole image${source}` : `its range${source}`
}

test('ranges and conditions, of a cached image and of one that arrives', async (t) => {
  const { upstream, tap, proxy, port, id } = await startScene(t, { size })
  const first = await rawClient(t, port)
  first.write(ask(`GET /v2/images/${id}/file`))
  const etag = (await first.answer()).fields.find(([name]) => name === 'ETag')?.[1] ?? assert.fail('no entity tag')
  const cases = sample(rangeCases(size, etag), 8)

  for (const one of cases) {
    await t.test(`a hit: ${one.fault}`, async (t) => {
      const client = await rawClient(t, port)
      client.write(ask(`GET /v2/images/${id}/file`, one.fields) + ask('GET /behind'))
      const told = judge(one, await client.answer(), ', from the cache')
      assert.equal((await client.answer()).status, 200, 'what is behind it is answered')
      client.socket.destroy()
      const step = 'RFC 9110 13, 14: a download of a cached image'
      saw({ area: 'client', step, fault: one.fault, driver: 'any', client: told, disk: 'committed' })
    })
  }

  await t.test('of an image that arrives, all at once', async (t) => {
    const arriving = imageId(2)
    upstream.addImage({ id: arriving, bytes: image })
    const stall = upstream.nextFile(arriving, { stallAt: 100_000 })
    const leader = await open(proxy.image(arriving))
    await deadline(stall.reached, 'a part of the image')
    const answers = cases.map(async (one) => {
      const client = await rawClient(t, port)
      client.write(ask(`GET /v2/images/${arriving}/file`, one.fields))
      const told = judge(one, await deadline(client.answer(), one.fault, 30_000), '')
      client.socket.destroy()
      return told
    })
    // Each has asked whether it may: those that wait, wait for bytes.
    stall.release()
    const told = await Promise.all(answers)
    assert((await leader.rest).body.equals(image))
    await proxy.committed(arriving)
    for (const [index, { fault }] of cases.entries()) {
      const step = 'RFC 9110 13, 14: a download of an image that arrives'
      saw({ area: 'client', step, fault, driver: 'any', client: told[index] ?? '', disk: 'committed' })
    }
  })

  if (!isSample)
    await t.test('six hundred ranges of one image while it arrives', async () => {
      const arriving = imageId(3)
      upstream.addImage({ id: arriving, bytes: image })
      const stall = upstream.nextFile(arriving, { stallAt: 100_000 })
      const leader = await open(proxy.image(arriving))
      await deadline(stall.reached, 'a part of the image')
      const ranges = Array.from({ length: 600 }, (_, index) => [index * 600, index * 600 + 5000] as const)
      const got = ranges.map(async ([start, end]) => {
        const asked = get(proxy.image(arriving), { headers: { Range: `bytes=${start}-${end - 1}` } })
        const answer = await deadline(asked, `bytes ${start}-${end - 1}`, 60_000)
        assert.equal(answer.status, 206)
        assert(answer.body.equals(image.subarray(start, end)))
      })
      stall.release()
      await Promise.all(got)
      assert((await leader.rest).body.equals(image))
      await proxy.committed(arriving)
      assert.equal(upstream.downloads(arriving).length, 1)
      saw({
        area: 'client',
        step: 'RFC 9110 13, 14: a download of an image that arrives',
        fault: 'six hundred clients with a range each',
        driver: 'any',
        client: 'its range',
        disk: 'committed',
      })
    })

  assert.deepEqual(tap.violations(), [])
})
