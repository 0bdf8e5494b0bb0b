import assert from 'node:assert/strict'
import { rename, writeFile } from 'node:fs/promises'
import { describe, type TestContext, test } from 'node:test'
import { openFileReader } from '../../src/cache/file-reader.ts'
import { type Files, openFiles } from '../../src/cache/files.ts'
import { createFillRecord, type FillFacts } from '../../src/cache/fill-record.ts'
import { followForeign } from '../../src/cache/foreign-fill.ts'
import { openLayout } from '../../src/cache/layout.ts'
import type { ImageRecord } from '../../src/origin/origin.ts'
import { cleanup } from '../support/cleanup.ts'
import { deadline } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { nobody } from '../support/upstream-glance.ts'

const id = imageId(1)
const size = 300_000
const bytes = patternBytes(size)
const record: ImageRecord & { size: number } = {
  id,
  status: 'active',
  size,
  md5: 'aa',
  hashAlgo: 'sha512',
  hashValue: 'bb',
  updatedAt: 'then',
}

/** Another process that has received all of the image and proven nothing yet. */
async function setUp(t: TestContext, options: { idleMs?: number; facts?: Partial<FillFacts> } = {}) {
  const layout = await openLayout(await tempDir(t))
  const files: Files = openFiles(layout)
  const owned = await files.claim(id)
  assert(owned !== undefined)
  cleanup(t, () => owned.handle.close())
  await owned.handle.write(bytes, 0, size, 0)
  const { md5, hashAlgo, hashValue, updatedAt } = record
  const facts = { inode: owned.inode, size, md5, hashAlgo, hashValue, updatedAt, startAt: 0, ...options.facts }
  const progress = await createFillRecord(layout, id, facts, { watermark: size, synced: 0 })
  cleanup(t, () => progress.close())
  const fileReader = openFileReader()
  const tools = { layout, files, fileReader, holdBack: true, idleMs: options.idleMs ?? 60_000 }
  return { layout, files, owned, follow: () => followForeign(tools, id, record) }
}

async function reader(scene: Awaited<ReturnType<typeof setUp>>, t: TestContext, end = size) {
  const following = await scene.follow()
  assert(following !== undefined)
  const opened = following.open(end, nobody)
  cleanup(t, () => opened.close())
  return opened
}

describe('following the fill of another process', () => {
  for (const end of [size, 200_000]) {
    test(`rule 2, 3: the last bytes of a response that ends at ${end} wait until <id> is that very file`, async (t) => {
      const scene = await setUp(t)
      const view = await reader(scene, t, end)
      const before = await view.read(end - 65_537, 100_000)
      assert.equal(before.bytes.length, 1)
      before.release()
      let given = false
      const last = Promise.resolve(view.read(end - 65_536, 65_536)).finally(() => {
        given = true
      })
      // Another file of that name proves nothing.
      await writeFile(scene.layout.committed(id), bytes)
      assert.equal(await scene.files.isCommitted(id, scene.owned.inode), false)
      assert.equal((await view.read(0, 10)).bytes.length, 10)
      assert.equal(given, false)
      await rename(scene.layout.incomplete(id), scene.layout.committed(id))
      const { bytes: lent } = await deadline(last, 'the last bytes come')
      assert.deepEqual(Buffer.from(lent), bytes.subarray(end - 65_536, end))
    })
  }

  test('rule 2: without progress for the idle time the reader fails, and its client goes upstream', async (t) => {
    const view = await reader(await setUp(t, { idleMs: 50 }), t)
    await assert.rejects(deadline(Promise.resolve(view.read(size - 1, 1)), 'the reader gives up'), {
      fault: 'cache',
      message: /no progress/,
    })
  })

  test('rule 2: when the lock is free and nothing was committed, the reader fails', async (t) => {
    const scene = await setUp(t)
    const view = await reader(scene, t)
    const last = Promise.resolve(view.read(size - 1, 1))
    await scene.owned.handle.close()
    await assert.rejects(deadline(last, 'the reader gives up'), { fault: 'cache', message: /is gone/ })
  })

  for (const [what, end] of [
    ['set aside', ({ files, owned }: Awaited<ReturnType<typeof setUp>>) => files.invalidate(owned)],
    [
      'emptied and removed',
      async ({ files, owned }: Awaited<ReturnType<typeof setUp>>) => {
        await owned.handle.truncate(0)
        await files.discard(owned)
      },
    ],
  ] as const) {
    test(`rule 3: what proved wrong in its process, ${what}: no client gets the rest from elsewhere`, async (t) => {
      const scene = await setUp(t)
      const view = await reader(scene, t)
      const last = Promise.resolve(view.read(size - 1, 1))
      await end(scene)
      await scene.owned.handle.close()
      await assert.rejects(deadline(last, 'the reader gives up'), { fault: 'wrong', message: /proved wrong/ })
    })
  }

  test('rule 2: what an earlier life left over is proven by nobody but its fill: without it no client gets the rest', async (t) => {
    const scene = await setUp(t, { facts: { startAt: 1000 } })
    const view = await reader(scene, t)
    const last = Promise.resolve(view.read(size - 1, 1))
    await scene.owned.handle.close()
    await assert.rejects(deadline(last, 'the reader gives up'), { fault: 'wrong', message: /is gone/ })
  })

  for (const [what, facts] of [
    ['another file', { inode: 1 }],
    ['another size', { size: size + 1 }],
    ['another digest', { hashValue: 'cc' }],
    ['another MD5', { md5: 'cc' }],
    ['another state of the image', { updatedAt: 'later' }],
  ] as const) {
    test(`a record of ${what} is not followed`, async (t) => {
      assert.equal(await (await setUp(t, { facts })).follow(), undefined)
    })
  }
})
