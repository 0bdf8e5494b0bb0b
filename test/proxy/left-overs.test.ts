import assert from 'node:assert/strict'
import { open as openFile, stat, writeFile } from 'node:fs/promises'
import { describe, type TestContext, test } from 'node:test'
import { bootId, createFillRecord, type FillFacts, readFillRecord } from '../../src/cache/fill-record.ts'
import { openLayout } from '../../src/cache/layout.ts'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import type { ImageOptions } from '../support/upstream-image.ts'

const id = imageId(1)
const bytes = patternBytes(3_000_000)
const driver = 'sqlite'

type LeftOver = Readonly<{ facts?: Partial<FillFacts>; synced?: number; bootId?: string; omit?: ImageOptions['omit'] }>

/** A directory as a killed process leaves it: two thirds of an image and its record. */
async function setUp(t: TestContext, leftOver: LeftOver = {}) {
  const upstream = await startUpstream(t)
  const image = upstream.addImage({ id, bytes, ...(leftOver.omit === undefined ? {} : { omit: leftOver.omit }) })
  const layout = await openLayout(await tempDir(t))
  const path = layout.incomplete(id)
  await writeFile(path, bytes.subarray(0, 2_000_000))
  const { ino } = await stat(path)
  const { os_hash_algo: algorithm, os_hash_value: hash } = image.record()
  const facts: FillFacts = {
    inode: ino,
    size: bytes.length,
    md5: image.md5,
    hashAlgo: typeof algorithm === 'string' ? algorithm : undefined,
    hashValue: typeof hash === 'string' ? hash : undefined,
    updatedAt: image.updatedAt,
    startAt: 0,
    ...leftOver.facts,
  }
  await (await createFillRecord(layout, id, facts, { watermark: 2_000_000, synced: leftOver.synced ?? 0 })).close()
  if (leftOver.bootId !== undefined) {
    const record = layout.fillRecord(id)
    const handle = await openFile(record, 'r+')
    const text = await handle.readFile('latin1')
    await handle.write(text.replace(bootId, leftOver.bootId), 0)
    await handle.close()
  }
  return { upstream, layout, path, inode: ino }
}

describe('what a killed process has left over', () => {
  for (const [what, leftOver, range] of [
    ['is gone on with at its end', {}, 'bytes=2000000-'],
    [
      'before a reboot is gone on with where it was forced to disk',
      { bootId: '00000000-0000-4000-8000-000000000000', synced: 1_000_000 },
      'bytes=1000000-',
    ],
    [
      'before a reboot and was never forced to disk is not gone on with',
      { bootId: '00000000-0000-4000-8000-000000000000' },
      undefined,
    ],
    ['without a declared digest is not gone on with', { omit: ['md5', 'hash'] }, undefined],
    ['of other bytes by their digest is not gone on with', { facts: { hashValue: 'ab' } }, undefined],
    ['of other bytes by their MD5 is not gone on with', { facts: { md5: 'ab' } }, undefined],
    ['of another size is not gone on with', { facts: { size: 2_500_000 } }, undefined],
    ['of another file is not gone on with', { facts: { inode: 1 } }, undefined],
  ] as const satisfies readonly (readonly [string, LeftOver, string | undefined])[]) {
    test(`rule 4: what is there ${what}`, async (t) => {
      const { upstream, layout } = await setUp(t, leftOver)
      const proxy = await startProxy(t, { upstream: upstream.url, driver, dir: layout.dir })
      const got = await deadline(get(proxy.image(id)), 'the download ends')
      assert(got.complete && got.body.equals(bytes))
      assert.equal(upstream.downloads(id).at(-1)?.header('range'), range)
      await proxy.committed(id)
    })
  }

  test('rule 4: behind what was forced to disk is never taken for what came after the reboot', async (t) => {
    const { upstream, layout, path } = await setUp(t, {
      bootId: '00000000-0000-4000-8000-000000000000',
      synced: 1_000_000,
    })
    await using file = await openFile(path, 'r+')
    await file.write(Buffer.alloc(1_000_000, 7), 0, 1_000_000, 1_000_000)
    const stall = upstream.nextFile(id, { stallAt: 1_500_000 })
    const first = await startProxy(t, { upstream: upstream.url, driver, dir: layout.dir })
    const client = await open(first.image(id))
    await deadline(stall.reached, 'it goes on')
    client.leave()
    await first.close()
    const second = await startProxy(t, { upstream: upstream.url, driver, dir: layout.dir })
    const got = await deadline(get(second.image(id)), 'the download ends')
    assert(got.complete && got.body.equals(bytes))
  })

  test('is worth nothing when the image is a shorter one by now: the whole is asked for', async (t) => {
    const { upstream, layout } = await setUp(t)
    const other = patternBytes(1_500_000, 7)
    upstream.replaceImage({ id, bytes: other })
    const proxy = await startProxy(t, { upstream: upstream.url, driver, dir: layout.dir })
    const got = await deadline(get(proxy.image(id)), 'the download ends')
    assert(got.complete && got.body.equals(other))
    await proxy.committed(id)
  })

  test('rule 1: starting over is a new file; what somebody still reads of the old one stays as it is', async (t) => {
    const { upstream, layout, path, inode } = await setUp(t, { facts: { hashValue: 'ab' } })
    await writeFile(path, 'old bytes of another image', { flag: 'r+' })
    await using follower = await openFile(path)
    // The rest is asked for first, until the record shows that it belongs to something else.
    upstream.nextFile(id, {})
    const stall = upstream.nextFile(id, { stallAt: 1_000_000 })
    const proxy = await startProxy(t, { upstream: upstream.url, driver, dir: layout.dir })
    const client = await open(proxy.image(id))
    await deadline(stall.reached, 'the whole is asked for')
    assert.notEqual((await stat(path)).ino, inode)
    assert.equal((await follower.readFile()).subarray(0, 26).toString(), 'old bytes of another image')
    stall.release()
    assert((await deadline(client.rest, 'the download ends')).complete)
  })
})

describe('what a fill leaves', () => {
  test('rule 4: nothing counts as forced to disk that was not, also where a fill goes on', async (t) => {
    const { upstream, layout } = await setUp(t)
    const stall = upstream.nextFile(id, { stallAt: 2_500_000 })
    const proxy = await startProxy(t, { upstream: upstream.url, driver, dir: layout.dir })
    const client = await open(proxy.image(id))
    await stall.reached
    const progress = async () => (await readFillRecord(layout, id))?.progress
    await eventually(async () => ((await progress())?.watermark ?? 0) >= 2_000_000, 'the record is the new fill’s')
    assert.equal((await progress())?.synced, 0)
    await eventually(async () => (await progress())?.watermark === 2_500_000, 'progress is published')
    assert.equal((await progress())?.synced, 0)
    stall.release()
    assert((await deadline(client.rest, 'the download ends')).complete)
  })

  test('rule 4: nothing without a declared digest', async (t) => {
    const upstream = await startUpstream(t)
    upstream.addImage({ id, bytes, omit: ['md5', 'hash'] })
    const stall = upstream.nextFile(id, { stallAt: 1_000_000 })
    const layout = await openLayout(await tempDir(t))
    const proxy = await startProxy(t, { upstream: upstream.url, driver, dir: layout.dir })
    const client = await open(proxy.image(id))
    await stall.reached
    client.leave()
    await proxy.close()
    assert.deepEqual(await proxy.names('incomplete'), [])
    assert.equal(await readFillRecord(layout, id), undefined)
  })
})
