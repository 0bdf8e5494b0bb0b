import assert from 'node:assert/strict'
import { readFile, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { get } from '../support/client.ts'
import { deadline } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)
const bytes = patternBytes(2_000_000)
const wrong = Buffer.from(bytes)
wrong.fill(0, 500_000, 600_000)

for (const driver of drivers) {
  describe(`files that the cache did not write itself, ${driver}`, () => {
    test('an image that Glance cached is proven first, then served without another download', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const dir = await tempDir(t)
      await writeFile(join(dir, id), bytes)
      const proxy = await startProxy(t, { upstream: upstream.url, driver, dir })
      const first = await deadline(get(proxy.image(id)), 'the first download ends')
      assert(first.complete && first.body.equals(bytes))
      assert.equal(upstream.downloads(id).length, 0, 'nothing but the question went upstream')
      await proxy.committed(id)
      assert.equal((await get(proxy.image(id))).headers['cache-status'], 'afterimage; hit')
    })

    test('an image with holes, as two writers of Glance can leave it, is never served', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const dir = await tempDir(t)
      await writeFile(join(dir, id), wrong)
      const proxy = await startProxy(t, { upstream: upstream.url, driver, dir })
      const first = await deadline(get(proxy.image(id)), 'the first download ends')
      assert(!first.complete)
      const next = await deadline(get(proxy.image(id)), 'the next download ends')
      assert(next.complete && next.body.equals(bytes))
      await proxy.committed(id)
      assert((await readFile(join(dir, id))).equals(bytes))
    })

    for (const [name, replace] of [
      [
        'another file of the same size and time',
        async (path: string, mtime: Date) => {
          await writeFile(`${path}.new`, wrong)
          await utimes(`${path}.new`, new Date(), mtime)
          await rename(`${path}.new`, path)
        },
      ],
      [
        'the same file written anew',
        async (path: string) => {
          await writeFile(path, wrong)
          await utimes(path, new Date(), new Date(Date.now() + 5000))
        },
      ],
      [
        'the same file with another size',
        async (path: string, mtime: Date) => {
          await truncate(path, 1_000_000)
          await utimes(path, new Date(), mtime)
        },
      ],
    ] as const) {
      test(`rule 5: ${name} under an image’s name is unverified again`, async (t) => {
        const upstream = await startUpstream(t)
        upstream.addImage({ id, bytes })
        const proxy = await startProxy(t, { upstream: upstream.url, driver })
        await get(proxy.image(id))
        await proxy.committed(id)
        const path = join(proxy.dir, id)
        await replace(path, (await stat(path)).mtime)
        const got = await deadline(get(proxy.image(id)), 'the download ends')
        assert(!got.complete || got.body.equals(bytes), 'wrong bytes never look complete')
        const next = await deadline(get(proxy.image(id)), 'the next download ends')
        assert(next.complete && next.body.equals(bytes))
      })
    }

    test('an entry whose file has gone is forgotten at start', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const dir = await tempDir(t)
      const first = await startProxy(t, { upstream: upstream.url, driver, dir })
      await get(first.image(id))
      await first.committed(id)
      await first.close()
      await rm(join(dir, id))
      const second = await startProxy(t, { upstream: upstream.url, driver, dir })
      assert.equal(await second.metric('afterimage_cached_images'), 0)
      assert((await get(second.image(id))).body.equals(bytes))
    })
  })
}
