import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { get } from '../support/client.ts'
import { eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { startManaged } from '../support/managed.ts'
import { drivers } from '../support/proxy.ts'
import { startProgram } from '../support/start-program.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

/** How long each driver is kept busy; a minute is for trying it out: `ALL_AT_ONCE_SECONDS=60`. */
const seconds = Number(process.env.ALL_AT_ONCE_SECONDS ?? 3)

const images = Array.from({ length: 12 }, (_, index) => ({
  id: imageId(index + 1),
  bytes: patternBytes(200_000 + index, index + 1),
}))

for (const driver of drivers) {
  test(`prune, clean, prefetch, delete and downloads at once, ${driver}`, async (t) => {
    const flags = ['--management-auth=none', '--image-cache-max-size=1000000', '--image-cache-stall-time=0']
    const { proxy, upstream, expect } = await startManaged(t, driver, flags)
    for (const image of images) upstream.addImage(image)
    let turn = 0
    // A stride that is prime to the number of images: all of them, in an order that no two askers share for long.
    const next = () => {
      turn += 5
      return images[turn % images.length] ?? assert.fail('no image')
    }
    const end = performance.now() + seconds * 1000
    const again = async (work: () => Promise<unknown>) => {
      while (performance.now() < end) await work()
    }
    const download = async () => {
      const { id, bytes } = next()
      const got = await get(proxy.image(id))
      assert(got.complete && got.body.equals(bytes), `${id}: ${got.status}, ${got.body.length} bytes, ${got.broke}`)
    }
    const program = async (name: string, ...own: string[]) => {
      const where = [`--image-cache-dir=${proxy.dir}`, `--image-cache-driver=${driver}`]
      const { code, stderr } = await startProgram(t, name, [...where, ...own]).ended()
      assert.deepEqual([code, stderr], [0, ''])
    }
    await Promise.all([
      ...[1, 2, 3, 4].map(() => again(download)),
      again(() => expect(200, 'POST', '/v2/cache/prune')),
      again(() => expect(200, 'POST', '/v2/cache/clean')),
      again(() => expect(202, 'PUT', `/v2/cache/${next().id}`)),
      again(() => expect(204, 'DELETE', `/v2/cache/${next().id}`)),
      again(() => program('cache-pruner.ts', '--image-cache-max-size=600000')),
      again(() => program('cache-cleaner.ts', '--image-cache-stall-time=0')),
    ])

    const onDisk = async () => {
      const names = await proxy.names()
      const sizes = await Promise.all(names.map(async (name) => (await stat(join(proxy.dir, name))).size))
      return [names.length, sizes.reduce((sum, size) => sum + size, 0)]
    }
    const counted = () =>
      Promise.all(['afterimage_cached_images', 'afterimage_cached_bytes'].map((name) => proxy.metric(name)))
    const idle = async () =>
      (await proxy.metric('afterimage_fills_in_progress')) + (await proxy.metric('afterimage_queued_images')) === 0
    // An image that another process held twice is tried again after fifteen seconds.
    await eventually(idle, 'what was begun has ended', 40_000)
    assert.deepEqual(await counted(), await onDisk(), 'sizes and counts are true')
    // What a DELETE has stopped lies there to be resumed, until it has stalled for long enough: for no time, here.
    await expect(200, 'POST', '/v2/cache/clean')
    assert.deepEqual([await proxy.names('incomplete'), await proxy.names('invalid')], [[], []])
    const { body } = await get(`${proxy.operatorUrl}/metrics`)
    assert.doesNotMatch(body.toString(), /^afterimage_faults_total\{/m)
    // By whom is left to chance: the pruner in its own process may be quicker each time.
    assert.match(body.toString(), /^afterimage_evictions_total\{cause="[a-z-]+"\} [1-9]/m)
  })
}
