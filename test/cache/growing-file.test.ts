import assert from 'node:assert/strict'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type BufferPool, chunkBytes, createBufferPool } from '../../src/cache/buffer-pool.ts'
import { openFileReader } from '../../src/cache/file-reader.ts'
import { GrowingFile } from '../../src/cache/growing-file.ts'
import type { ImageReader, Lease } from '../../src/cache/reader.ts'
import { ReadFailed } from '../../src/cache/reader.ts'
import { shareFile } from '../../src/cache/shared-file.ts'
import { SparseWriter } from '../../src/cache/sparse-writer.ts'
import { deadline } from '../support/deadline.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

async function setUp(t: TestContext, size: number, options: { pool?: BufferPool; holdBack?: boolean } = {}) {
  const path = join(await tempDir(t), 'growing')
  const handle = await open(path, 'w+')
  const files = openFileReader()
  const pool = options.pool ?? createBufferPool()
  let onRoom = () => {}
  const failures: unknown[] = []
  const growing = new GrowingFile({
    file: shareFile(handle),
    size,
    startAt: 0,
    writer: new SparseWriter(handle.fd, 0),
    holdBack: options.holdBack ?? true,
    pool,
    files,
    onWritten: () => {},
    onRoom: () => onRoom(),
    onWriteFailed: (error) => failures.push(error),
  })
  /** Appends as an upstream does: in pieces, and only while there is room. */
  const receive = async (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; at += 65_536) {
      const room = new Promise<void>((resolve) => {
        onRoom = resolve
      })
      if (!growing.append(bytes.subarray(at, at + 65_536))) await deadline(room, 'there is room again')
    }
  }
  return { growing, pool, path, receive, failures, reader: (end = size) => growing.reader(end, () => {}) }
}

async function readAll(reader: ImageReader, max: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (let at = 0; at < reader.size; ) {
    const lease = await reader.read(at, max)
    pieces.push(Buffer.from(lease.bytes))
    at += lease.bytes.length
    lease.release()
  }
  return Buffer.concat(pieces)
}

describe('a growing file', () => {
  const size = 10 * chunkBytes + 12_345
  const bytes = patternBytes(size)

  for (const max of [1000, 65_536, 1 << 20]) {
    test(`readers that ask for ${max} bytes get every byte, while it grows and afterwards`, async (t) => {
      const { growing, path, receive, reader } = await setUp(t, size, { holdBack: false })
      const [during] = await Promise.all([readAll(reader(), max), receive(bytes)])
      assert(during.equals(bytes))
      await growing.flushed()
      assert((await readFile(path)).equals(bytes))
      assert((await readAll(reader(), max)).equals(bytes))
    })
  }

  test('the last bytes wait for the proof, of the whole and of a part', async (t) => {
    const { growing, receive, reader } = await setUp(t, size)
    await receive(bytes)
    await growing.flushed()
    for (const end of [size, 500_000]) {
      const view = reader(end)
      const before = await view.read(end - 65_537, 100_000)
      assert.equal(before.bytes.length, 1)
      let given = false
      const last = Promise.resolve(view.read(end - 65_536, 100_000)).then((lease) => {
        given = true
        return lease
      })
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(given, false)
      if (end !== size) growing.prove()
      else void last.catch(() => {})
      if (end !== size) assert.equal((await deadline(last, 'the last bytes')).bytes.length, 65_536)
    }
  })

  test('a failure reaches those who wait and those who come', async (t) => {
    const { growing, reader } = await setUp(t, size)
    const waiting = Promise.resolve(reader().read(0, 10))
    growing.fail(new ReadFailed('wrong', 'no'))
    await assert.rejects(deadline(waiting, 'the waiting reader'), { fault: 'wrong' })
    await assert.rejects(Promise.resolve(reader().read(0, 10)), { fault: 'wrong' })
  })

  test('rule 19: blocked readers pin no large buffer, however many they are', async (t) => {
    const pool = createBufferPool(8)
    const { receive, reader } = await setUp(t, size, { pool })
    const blocked: Lease[] = []
    const first = patternBytes(chunkBytes)
    await receive(first)
    for (let number = 0; number < 100; number++) blocked.push(await reader().read(0, 64 * 1024))
    assert.equal(pool.pinned, 0)
    for (const { bytes: lent } of blocked) assert(lent.length <= 64 * 1024)
  })

  test('rule 19: readers that keep what they were lent hold at most a quarter of the buffers, and nobody up', async (t) => {
    const pool = createBufferPool(8)
    const { growing, receive, reader } = await setUp(t, size, { pool, holdBack: false })
    const kept: Lease[] = []
    const keep = (async () => {
      const greedy = reader()
      for (let at = 0; at < size; ) {
        const lease = await greedy.read(at, 1 << 20)
        kept.push(lease)
        at += lease.bytes.length
      }
    })()
    await deadline(receive(bytes), 'the fill goes on')
    await deadline(growing.flushed(), 'everything is written')
    assert(pool.pinned <= 2, `${pool.pinned} buffers pinned`)
    await deadline(keep, 'the greedy reader itself is served')
    for (const lease of kept) lease.release()
    assert.equal(pool.pinned, 0)
    assert.equal(pool.inUse, 0)
  })

  test('a full pool makes the upstream wait, loses nothing, and goes on when there is room', async (t) => {
    const pool = createBufferPool(2)
    const { growing, path, receive } = await setUp(t, size, { pool })
    await receive(bytes)
    await growing.flushed()
    assert((await readFile(path)).equals(bytes))
    assert.equal(pool.inUse, 0)
  })

  test('bytes that were put into the room are neither copied nor lost', async (t) => {
    const { growing, pool, path } = await setUp(t, size)
    let uncopied = 0
    while (growing.received < size) {
      const room = await deadline(whenRoom(growing), 'a buffer is free')
      // Some come elsewhere, as those do that a connection had read before it was given any room.
      const isElsewhere = growing.received % 5 === 0
      const next = bytes.subarray(growing.received, growing.received + Math.min(room.length, 300_001))
      next.copy(room)
      if (!isElsewhere) uncopied += next.length
      growing.append(isElsewhere ? next : room.subarray(0, next.length))
    }
    assert.equal(growing.room(), undefined)
    growing.endRoom()
    await deadline(growing.flushed(), 'everything is written')
    assert((await readFile(path)).equals(bytes))
    assert(uncopied > size / 2)
    assert.equal(pool.inUse, 0)
  })

  test('a buffer somebody may still write into is no other fill’s before he says so', async (t) => {
    const pool = createBufferPool(2)
    const { growing } = await setUp(t, size, { pool })
    const room = growing.room()
    assert(room !== undefined)
    growing.append(room.subarray(0, 1000))
    growing.fail(new ReadFailed('cache', 'no space left'))
    await deadline(growing.flushed(), 'nothing is being written')
    assert.equal(growing.room(), undefined)
    assert.equal(pool.inUse, 1)
    growing.endRoom()
    assert.equal(pool.inUse, 0)
  })

  test('a buffer that is full holds up nobody, although no other room was to be had', async (t) => {
    const pool = createBufferPool(1)
    const { growing, path } = await setUp(t, size, { pool })
    const room = growing.room()
    assert(room !== undefined)
    bytes.copy(room)
    growing.append(room)
    assert.equal(growing.room(), undefined)
    await deadline(growing.flushed(), 'it is written')
    assert.equal(pool.inUse, 0)
    assert((await readFile(path)).equals(bytes.subarray(0, chunkBytes)))
  })
})

/** Memory for the next bytes, as soon as the pool has some. */
async function whenRoom(growing: GrowingFile): Promise<Buffer> {
  for (;;) {
    const room = growing.room()
    if (room !== undefined) return room
    await growing.flushed()
  }
}
