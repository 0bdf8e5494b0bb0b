import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const driver = 'sqlite'
const flags = ['--cache-max-fills=1', '--image-cache-max-size=1000000', '--cache-limit=hard']

describe('rule 13: a place among cache.max_fills is given back', () => {
  test('when the fill has ended, however it ended, and when nothing was cached', async (t) => {
    const upstream = await startUpstream(t)
    const proxy = await startProxy(t, { upstream: upstream.url, driver, flags })
    const download = async (number: number, size: number) => {
      const id = imageId(number)
      upstream.addImage({ id, bytes: patternBytes(size, number) })
      const got = await deadline(get(proxy.image(id)), 'the download ends')
      await eventually(async () => (await proxy.metric('afterimage_fills_in_progress')) === 0, 'the fill has ended')
      return got.headers['cache-status']
    }
    const stored = 'afterimage; fwd=miss; stored'
    assert.equal(await download(1, 100_000), stored)
    upstream.nextFile(imageId(2), { corruptAt: 5 })
    await download(2, 100_000)
    assert.equal(await download(3, 2_000_000), 'afterimage; fwd=miss; detail=too-large')
    assert.equal(await download(4, 100_000), stored)
  })

  test('when another process turns out to be filling the image', async (t) => {
    const upstream = await startUpstream(t)
    const dir = await tempDir(t)
    const one = await startProxy(t, { upstream: upstream.url, driver, dir })
    const two = await startProxy(t, { upstream: upstream.url, driver, dir, flags: ['--cache-max-fills=1'] })
    upstream.addImage({ id: imageId(1), bytes: patternBytes(500_000, 1) })
    const stall = upstream.nextFile(imageId(1), { stallAt: 200_000 })
    const first = await open(one.image(imageId(1)))
    await stall.reached
    const second = await open(two.image(imageId(1)))
    upstream.addImage({ id: imageId(2), bytes: patternBytes(100_000, 2) })
    const other = await get(two.image(imageId(2)))
    assert.equal(other.headers['cache-status'], 'afterimage; fwd=miss; stored')
    stall.release()
    for (const { rest } of [first, second]) assert((await deadline(rest, 'both get the whole')).complete)
  })
})
