import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { describe, type TestContext, test } from 'node:test'
import { openFileReader } from '../../src/cache/file-reader.ts'
import { openFiles } from '../../src/cache/files.ts'
import { openHit } from '../../src/cache/hit.ts'
import { openLayout } from '../../src/cache/layout.ts'
import { shareFile } from '../../src/cache/shared-file.ts'
import { imageKey, keepSmallImages, type SmallImages } from '../../src/cache/small-images.ts'
import { cleanup } from '../support/cleanup.ts'
import { imageId } from '../support/image-id.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)

describe('rule 19: small images in memory', () => {
  test('are bounded together, and the least recently used go', () => {
    const small = keepSmallImages(100, 300)
    for (const key of ['one', 'two', 'three']) small.put(key, Buffer.alloc(100))
    assert.equal(small.get('one')?.length, 100)
    small.put('four', Buffer.alloc(100))
    const kept = ['one', 'two', 'three', 'four'].filter((key) => small.get(key) !== undefined)
    assert.deepEqual(kept, ['one', 'three', 'four'])
  })

  test('are small: a larger one is not kept', () => {
    const small = keepSmallImages(100, 300)
    small.put('large', Buffer.alloc(101))
    assert.equal(small.get('large'), undefined)
  })

  test('are read again when nobody has asked for a while: what the kernel has of their file may be gone', () => {
    const small = keepSmallImages(100, 300, -1)
    small.put('one', Buffer.alloc(100))
    assert.equal(small.get('one'), undefined)
    for (const key of ['one', 'two', 'three']) small.put(key, Buffer.alloc(100))
    const lasting = keepSmallImages(100, 300, 60_000)
    lasting.put('one', Buffer.alloc(100))
    assert.equal(lasting.get('one')?.length, 100)
  })

  test('are let go when others come, as soon as they would be read again', () => {
    const small = keepSmallImages(100, 3000, -1)
    for (const key of ['one', 'two', 'three']) small.put(key, Buffer.alloc(100))
    assert(small.total <= 100, `${small.total} bytes are kept`)
    const lasting = keepSmallImages(100, 3000, 60_000)
    for (const key of ['one', 'two', 'three']) lasting.put(key, Buffer.alloc(100))
    assert.equal(lasting.total, 300)
  })

  test('are known by their file and what was proven of it, not by their name alone', () => {
    const facts = { inode: 2, size: 4, modifiedAt: 3, verifiedAt: 5, md5: 'a', hashAlgo: 'sha512', hashValue: 'b' }
    const others = [{ inode: 9 }, { verifiedAt: 9 }, { hashValue: '9' }]
    const keys = [facts, ...others.map((other) => ({ ...facts, ...other }))].map((each) => imageKey(id, each))
    assert.equal(new Set([...keys, imageKey(imageId(2), facts)]).size, 5)
    assert.equal(imageKey(id, { ...facts }), keys[0])
  })
})

async function hitOf(t: TestContext, bytes: Buffer, small: SmallImages) {
  const layout = await openLayout(await tempDir(t))
  await writeFile(layout.committed(id), bytes)
  const committed = await openFiles(layout).openCommitted(id)
  assert(committed !== undefined)
  const fileReader = openFileReader()
  const facts = {
    inode: committed.stats.ino,
    size: bytes.length,
    modifiedAt: 0,
    verifiedAt: 0,
    md5: undefined,
    hashAlgo: undefined,
    hashValue: undefined,
  }
  const hit = openHit({ fileReader, small, touch: () => {}, isCondemned: () => false }, id, {
    file: shareFile(committed.handle),
    stats: committed.stats,
    facts,
  })
  cleanup(t, () => hit.close())
  return hit
}

describe('rule 19: a hit', () => {
  test('of a small image is read once, and another file of the same id is another image', async (t) => {
    const small = keepSmallImages()
    const [one, two] = [patternBytes(1000, 1), patternBytes(1000, 2)]
    for (const bytes of [one, two]) {
      const hit = await hitOf(t, bytes, small)
      const first = await hit.read(0, 1000)
      assert(Buffer.from(first.bytes).equals(bytes))
      const again = hit.read(10, 20)
      assert(!(again instanceof Promise), 'from memory')
      assert(Buffer.from(again.bytes).equals(bytes.subarray(10, 30)))
    }
  })

  test('of a large image is never held in memory whole', async (t) => {
    const small = keepSmallImages(1000, 3000)
    const bytes = patternBytes(500_000)
    const hit = await hitOf(t, bytes, small)
    for (let round = 0; round < 2; round++) {
      const reading = hit.read(0, 64 << 10)
      assert(reading instanceof Promise, 'from disk')
      const lease = await reading
      assert.equal(
        lease.bytes.buffer.byteLength < bytes.length || lease.bytes.buffer instanceof SharedArrayBuffer,
        true,
      )
      lease.release()
    }
  })
})
