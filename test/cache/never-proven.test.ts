import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { truncate, writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import type { Fetched } from '../../src/cache/fetch.ts'
import { reconcile } from '../../src/cache/reconcile.ts'
import { deadline } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers } from '../support/proxy.ts'
import { nobody } from '../support/upstream-glance.ts'
import { openVerifier, type VerifierScene } from '../support/verifier.ts'

const id = imageId(1)

/** A file of so many zeros that Glance left, pinned since; `hashValue` is what the store declares. */
async function leftByGlance(scene: VerifierScene, size: number, hashValue: string): Promise<void> {
  const content = { size, slice: (_at: number, most: number) => Buffer.alloc(Math.min(most, 1)) }
  scene.upstream.addImage({ id, bytes: content, hashValue, md5: '0'.repeat(32) })
  await writeFile(scene.path(id), '')
  await truncate(scene.path(id), size)
  await scene.driver.admit({ id, size, modifiedAt: 0, facts: undefined, hits: 5, pinned: true })
}

/** Begins to prove it and is stopped at once. */
function stopped(scene: VerifierScene): Promise<Fetched> {
  const ending = new AbortController()
  const fetching = scene.cache.fetch(id, nobody, { signal: ending.signal, onArriving: () => ending.abort() })
  return deadline(fetching, 'the fetch ends', 1500)
}

for (const driver of drivers) {
  describe(`a file that was never proven, ${driver}`, () => {
    test('who stops its proof does not wait until all of it has been looked at', async (t) => {
      const scene = await openVerifier(t, driver)
      await leftByGlance(scene, 8 * 2 ** 30, 'a'.repeat(128))
      assert.equal((await stopped(scene)).kind, 'stopped')
      assert.deepEqual([await scene.names('incomplete'), await scene.names('invalid')], [[id], []])
    })

    test('keeps its pin and its hits although its process ends while it is proven', async (t) => {
      const first = await openVerifier(t, driver)
      const size = 64 * 2 ** 20
      await leftByGlance(first, size, createHash('sha512').update(Buffer.alloc(size)).digest('hex'))
      assert.equal((await stopped(first)).kind, 'stopped')
      await first.close()

      const second = await openVerifier(t, driver, { upstream: first.upstream, dir: first.dir })
      await reconcile({ ...second, space: second.cache.space })
      const fetched = await deadline(second.cache.fetch(id, nobody), 'the image is proven')
      assert.equal(fetched.kind, 'committed')
      const after = await second.driver.get(id)
      assert.deepEqual([after?.hits, after?.pinned], [5, true])
      assert.deepEqual(second.upstream.downloads(id), [], 'not a byte is downloaded')
    })
  })
}
