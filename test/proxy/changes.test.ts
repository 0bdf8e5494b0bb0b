import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)
const bytes = patternBytes(2_000_000)
const owner = { headers: { 'X-Auth-Token': 'owner' } }

async function setUp(t: TestContext) {
  const upstream = await startUpstream(t)
  upstream.addImage({ id, bytes })
  const proxy = await startProxy(t, { upstream: upstream.url, driver: 'sqlite' })
  const questions = () => upstream.fileRequests(id).filter((request) => request.header('range') === 'bytes=0-0').length
  return { upstream, proxy, questions, image: `${proxy.url}/v2/images/${id}` }
}

describe('changes of an image that go through the proxy', () => {
  test('rule 8: each of PATCH, PUT, POST and DELETE, of the image or of something of it, voids every yes', async (t) => {
    const { proxy, questions, image } = await setUp(t)
    await get(proxy.image(id), owner)
    await proxy.committed(id)
    let asked = 0
    for (const [method, rest] of [
      ['PATCH', ''],
      ['PUT', '/members/somebody'],
      ['PUT', '/tags/x'],
      ['POST', '/members'],
      ['POST', '/actions/reactivate'],
      ['DELETE', '/tags/x'],
    ] as const) {
      const { status } = await get(`${image}${rest}`, { method, ...owner })
      assert(status >= 200 && status < 300, String(status))
      for (let round = 0; round < 2; round++) {
        const got = await get(proxy.image(id), owner)
        assert.equal(got.headers['cache-status'], 'afterimage; hit', `${method} ${rest}`)
      }
      assert.equal(questions(), ++asked, `${method} ${rest}`)
    }
  })

  test('rule 8: the yes that a download brings is not kept when it was asked for before a change', async (t) => {
    const { upstream, proxy, questions, image } = await setUp(t)
    const held = upstream.nextFile(id, { holdHeaders: true })
    const first = get(proxy.image(id), owner)
    await deadline(held.reached, 'the download is asked for')
    await get(image, { method: 'PATCH', ...owner })
    held.release()
    assert((await deadline(first, 'the download ends')).complete)
    await proxy.committed(id)
    await get(proxy.image(id), owner)
    assert.equal(questions(), 1)
  })

  test('rule 8: an image that is deleted before its first byte came is not committed', async (t) => {
    const { upstream, proxy, image } = await setUp(t)
    const held = upstream.nextFile(id, { holdHeaders: true })
    const first = get(proxy.image(id), owner)
    await deadline(held.reached, 'the download is asked for')
    const described = await upstream.whenRequested(({ path }) => path === `/v2/images/${id}`)
    await eventually(() => described.answered, 'the record is given')
    assert.equal((await get(image, { method: 'DELETE', ...owner })).status, 204)
    held.release()
    const got = await deadline(first, 'the download ends')
    assert(!got.complete || got.status !== 200 || got.body.equals(bytes))
    await eventually(
      async () => (await proxy.metric('afterimage_fills_total{outcome="deleted"}')) === 1,
      'it is not committed',
    )
    assert.deepEqual([await proxy.names(), await proxy.names('incomplete')], [[], []])
  })

  test('rule 8: the fill of a deleted image ends with its last reader', async (t) => {
    const { upstream, proxy, image } = await setUp(t)
    const stall = upstream.nextFile(id, { stallAt: 1_000_000 })
    const client = await open(proxy.image(id), owner)
    await stall.reached
    await get(image, { method: 'DELETE', ...owner })
    await eventually(async () => (await proxy.names('incomplete')).length === 0, 'its name goes at once')
    client.leave()
    await client.rest
    await eventually(
      async () => (await proxy.metric('afterimage_fills_total{outcome="deleted"}')) === 1,
      'the fill ends',
    )
  })

  test('who joins gets no bytes of what is another image by now', async (t) => {
    const { upstream, proxy } = await setUp(t)
    const stall = upstream.nextFile(id, { stallAt: 1_000_000 })
    const first = await open(proxy.image(id), owner)
    await stall.reached
    const other = patternBytes(1_500_000, 7)
    upstream.replaceImage({ id, bytes: other })
    const second = await deadline(
      get(proxy.image(id), { headers: { 'X-Auth-Token': 'second' } }),
      'the second is served',
    )
    assert(second.complete && second.body.equals(other))
    assert.equal(second.headers['cache-status'], 'afterimage; fwd=miss; detail=another-image')
    first.leave()
    await first.rest
  })
})
