import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { lstat, readdir, readFile, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Got, get } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import { type RunningProxy, startProxy } from '../../support/proxy.ts'
import type { DiskScene } from './scene.ts'

/** All that may be in a cache directory that nobody uses, beside the images. */
const ours =
  /^(cache\.db|incomplete|invalid|queue|\.afterimage(\/(fills|queue|via|(space|use|lead|scrub|control|xattr)\.lock))?)$/

/** A whole image must be this one. */
export function assertRight(got: Got, bytes: Buffer, what: string): void {
  assert(got.complete, `${what}: ${got.status}, ${got.body.length} bytes, ${got.broke}`)
  assert(got.status === 200 && got.body.equals(bytes), `${what}: the bytes are wrong`)
}

/** What is cut off must be seen to be, and be right as far as it goes. */
export function assertCutOff(got: Got, bytes: Buffer): void {
  assert(!got.complete, 'cut off')
  assert(got.body.equals(bytes.subarray(0, got.body.length)), 'the bytes are wrong as far as they go')
}

/**
 * A healthy server on the directory that the case has left: every image comes whole and right, is cached by that, and
 * comes from the cache the second time. Afterwards metadata and files say the same, the sum is right, and a cleaner
 * leaves nothing that is of no use. With `mayBeWrong` the file may have lost its facts and be another image's: who finds
 * that out is cut off, visibly, and everybody after him gets the right one. Gives whether somebody was.
 */
export async function assertHealthy(
  t: TestContext,
  { driver, dir, upstream }: DiskScene,
  images: ReadonlyMap<string, Buffer>,
  mayBeWrong: boolean,
): Promise<boolean> {
  const proxy = await startProxy(t, { driver, dir, upstream: upstream.url, flags: ['--image-cache-stall-time=60'] })
  let wasCutOff = false
  for (const [id, bytes] of images) {
    const got = await deadline(get(proxy.image(id)), 'a download after it')
    if (got.complete || !mayBeWrong) assertRight(got, bytes, 'after a restart')
    else wasCutOff = true
    if (wasCutOff) assertRight(await deadline(get(proxy.image(id)), 'another download'), bytes, 'after who was cut off')
    await assertCached(proxy, id, bytes)
  }
  await makeOld(dir)
  const cleaned = await deadline(get(`${proxy.url}/v2/cache/clean`, { method: 'POST' }), 'a clean')
  assert.equal(cleaned.status, 200)
  await assertKnown(proxy, images)
  await proxy.close()
  const left = (await readdir(dir, { recursive: true })).filter((path) => !ours.test(path) && !images.has(path))
  assert.deepEqual(left, [], 'left-overs that never go')
  for (const [id, bytes] of images) {
    assert((await readFile(join(dir, id))).equals(bytes), `${id} is wrong on disk`)
  }
  return wasCutOff
}

async function assertCached(proxy: RunningProxy, id: string, bytes: Buffer): Promise<void> {
  const isCached = () => existsSync(join(proxy.dir, id)) && !existsSync(join(proxy.dir, '.afterimage', 'fills', id))
  await eventually(isCached, `image ${id} is cached`)
  const again = await deadline(get(proxy.image(id)), 'a second download')
  assertRight(again, bytes, 'the second time')
  assert.equal(again.headers['cache-status'], 'afterimage; hit')
}

/** The list has each image, and the sum says that the driver knows no other. */
async function assertKnown(proxy: RunningProxy, images: ReadonlyMap<string, Buffer>): Promise<void> {
  const { body } = await deadline(get(`${proxy.url}/api/v1/cache/images`), 'the list')
  const listed: readonly Listed[] = JSON.parse(body.toString()).images
  const known = listed.map(({ id, size, verified_at }) => [id, size, verified_at !== undefined])
  const expected = [...images].map(([id, { length }]) => [id, length, true])
  assert.deepEqual(known.sort(), expected.sort(), 'what is known of the images')
  const metrics = (await deadline(get(`${proxy.operatorUrl}/metrics`), 'the metrics')).body.toString()
  const sum = [...images.values()].reduce((total, { length }) => total + length, 0)
  assert.match(metrics, new RegExp(`^afterimage_cached_bytes ${sum}$`, 'm'))
  assert.match(metrics, new RegExp(`^afterimage_cached_images ${images.size}$`, 'm'))
  assert.match(metrics, /^afterimage_queued_images 0$/m)
  assert.doesNotMatch(metrics, /^afterimage_faults_total/m)
}

type Listed = Readonly<{ id: string; size: number; verified_at?: number }>

/** Files lie there as if for a day: what a cleaner leaves now it leaves for ever. */
async function makeOld(dir: string): Promise<void> {
  const aDayAgo = Date.now() / 1000 - 100_000
  for (const place of ['.afterimage', '.afterimage/fills', '.afterimage/queue', 'incomplete', 'invalid']) {
    for (const name of await readdir(join(dir, place))) {
      const path = join(dir, place, name)
      if ((await lstat(path)).isFile()) await utimes(path, aDayAgo, aDayAgo)
    }
  }
}
