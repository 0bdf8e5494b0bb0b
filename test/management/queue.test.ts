import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { openLayout } from '../../src/cache/layout.ts'
import { openQueue } from '../../src/management/queue.ts'
import { imageId } from '../support/image-id.ts'
import { tempDir } from '../support/temp-dir.ts'

const [a, b, c] = [imageId(1), imageId(2), imageId(3)]
const nothing = { immediate: false, attempts: 0, reason: undefined, retryAt: undefined }
const failed = { immediate: true, attempts: 3, reason: 'the image store answers 500', retryAt: 1_800_000_000_000 }

async function open(t: TestContext) {
  const dir = await tempDir(t)
  const layout = await openLayout(dir)
  const notes = () => readdir(layout.queueNotesDir)
  return { dir, layout, queue: openQueue(layout), notes, file: (id: string) => join(dir, 'queue', id) }
}

describe('the queue', () => {
  test('an entry is an empty file of that name and nothing else; a second one changes nothing', async (t) => {
    const { queue, dir, file, notes } = await open(t)
    const before = await readdir(dir, { recursive: true })
    assert.equal(await queue.add(a), true)
    assert.deepEqual((await readdir(dir, { recursive: true })).sort(), [...before, join('queue', a)].sort())
    const { size, mtimeMs, mode } = await stat(file(a))
    assert.equal(size, 0)
    assert.equal(mode & 0o777, 0o640)
    assert.equal(await queue.add(a), false)
    assert.equal((await stat(file(a))).mtimeMs, mtimeMs)
    assert.deepEqual(await queue.list(), [{ id: a, queuedAt: Math.round(mtimeMs), ...nothing }])
    assert.deepEqual(await notes(), [])
  })

  test('a note that cannot be read is none: the entry is there without it', async (t) => {
    const { queue, layout } = await open(t)
    await queue.add(a)
    // As for one that another user made; this works for root as well.
    await mkdir(layout.queueNote(a))
    const [entry, ...others] = await queue.list()
    assert.deepEqual([entry?.id, entry?.immediate, others], [a, false, []])
  })

  test('the oldest first by the time of the file, then by name; files made by hand count, other names do not', async (t) => {
    const { queue, file, dir } = await open(t)
    for (const [id, time] of [
      [a, 2000],
      [b, 2000],
      [c, 1000.5],
    ] as const) {
      await writeFile(file(id), '')
      await utimes(file(id), time, time)
    }
    for (const name of ['cache.db', '.hidden', 'ABCDEF00-0000-4000-8000-000000000004', `${imageId(5)}.tmp`]) {
      await writeFile(join(dir, 'queue', name), '')
    }
    await mkdir(file(imageId(6)))
    assert.deepEqual(
      (await queue.list()).map(({ id, queuedAt }) => [id, queuedAt]),
      [
        [c, 1_000_500],
        [a, 2_000_000],
        [b, 2_000_000],
      ],
    )
    assert.equal(await queue.has(a), true)
    assert.equal(await queue.has(imageId(6)), false)
    assert.equal(await queue.has(imageId(9)), false)
  })

  test('what is known of an entry stays beside it, across a restart, and goes with it', async (t) => {
    const { queue, layout, notes, file } = await open(t)
    await queue.add(a)
    await queue.note(a, failed)
    const again = openQueue(await openLayout(layout.dir))
    const queuedAt = Math.round((await stat(file(a))).mtimeMs)
    assert.deepEqual(await again.get(a), { id: a, queuedAt, ...failed })
    assert.equal((await stat(file(a))).size, 0, "Glance's file stays empty")
    assert.equal(await again.remove(a), true)
    assert.deepEqual(await notes(), [])
    assert.equal(await again.remove(a), false)
    assert.equal(await again.get(a), undefined)
  })

  test('nothing is kept of what is not queued, and an older note says nothing of a new entry', async (t) => {
    const { queue, notes, file } = await open(t)
    await queue.note(a, failed)
    assert.deepEqual(await notes(), [])
    await queue.add(a)
    await queue.note(a, failed)
    await rm(file(a))
    await writeFile(file(a), '')
    await utimes(file(a), 5000, 5000)
    assert.deepEqual(await queue.get(a), { id: a, queuedAt: 5_000_000, ...nothing })
    await queue.note(a, failed)
    await utimes(file(a), 6000, 6000)
    assert.deepEqual(await queue.get(a), { id: a, queuedAt: 6_000_000, ...nothing }, 'touched: it begins anew')
  })

  test('a note that is none is no note', async (t) => {
    const { queue, layout } = await open(t)
    await queue.add(a)
    for (const text of ['', '{', 'null', '[]', '"x"', '{"immediate":true,"attempts":9}']) {
      await writeFile(layout.queueNote(a), text)
      const { immediate, attempts } = (await queue.get(a)) ?? {}
      assert.deepEqual([immediate, attempts], [false, 0], text)
    }
  })

  test('clear takes all images out, says how many, and leaves what is not ours', async (t) => {
    const { queue, dir, notes } = await open(t)
    for (const id of [a, b, c]) await queue.add(id)
    await queue.note(b, failed)
    await writeFile(join(dir, 'queue', 'README'), 'by hand')
    assert.equal(await queue.count(), 3)
    assert.equal(await queue.clear(), 3)
    assert.equal(await queue.clear(), 0)
    assert.deepEqual(await queue.list(), [])
    assert.deepEqual(await notes(), [])
    assert.equal(await readFile(join(dir, 'queue', 'README'), 'utf8'), 'by hand')
  })

  test('of twenty who add one image at once exactly one has added it', async (t) => {
    const { queue } = await open(t)
    const added = await Promise.all(Array.from({ length: 20 }, () => queue.add(a)))
    assert.equal(added.filter(Boolean).length, 1)
  })

  test('an id that is none never becomes a path', async (t) => {
    const { queue, dir } = await open(t)
    const before = await readdir(dir, { recursive: true })
    for (const id of ['../x', 'cache.db', '', 'x'.repeat(300)]) {
      for (const work of [queue.add(id), queue.remove(id), queue.has(id), queue.note(id, failed)]) {
        await assert.rejects(work, /not an image id/)
      }
    }
    assert.deepEqual(await readdir(dir, { recursive: true }), before)
  })
})
