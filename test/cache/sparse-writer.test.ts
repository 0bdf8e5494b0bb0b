import assert from 'node:assert/strict'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { SparseWriter } from '../../src/cache/sparse-writer.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

/** Writes `bytes` from `start` on, as the pieces come, into a file that has `before` already. */
async function written(t: TestContext, before: Buffer, bytes: Buffer, start: number, piece: () => number) {
  const path = join(await tempDir(t), 'file')
  await writeFile(path, before)
  await using file = await open(path, 'r+')
  const writer = new SparseWriter(file.fd, before.length)
  for (let at = start; at < bytes.length; ) {
    let rest = bytes.subarray(at, at + piece())
    while (rest.length > 0) {
      const count = await writer.write(rest, at)
      assert(count > 0 && count <= rest.length)
      at += count
      rest = rest.subarray(count)
      assert((await file.stat()).size >= at, 'what counts as written can be read')
    }
  }
  return { content: await readFile(path), blocks: (await file.stat()).blocks * 512 }
}

describe('a file that is written without its zeros', () => {
  test('has the bytes and the length of the whole, whatever is zero and however it comes', async (t) => {
    const random = seededRandom(7)
    const below = (most: number) => random.between(1, most)
    for (let round = 0; round < 40; round++) {
      const bytes = Buffer.alloc(below(900_000))
      for (let run = 0; run < 4; run++) {
        const from = below(bytes.length) - 1
        patternBytes(below(150_000), round * 4 + run).copy(bytes, from)
      }
      const start = round % 2 === 0 ? 0 : below(bytes.length) - 1
      // Behind its beginning there may be anything: the remains of a fill that a power cut has ended.
      const tail = round % 4 === 1 ? patternBytes(below(bytes.length - start), 99) : Buffer.alloc(0)
      const before = Buffer.concat([bytes.subarray(0, start), tail])
      const { content } = await written(t, before, bytes, start, () => below(300_000))
      assert(content.equals(bytes), `round ${round}`)
    }
  })

  test('takes no more room than what is not zero', async (t) => {
    const bytes = Buffer.alloc(32 << 20)
    patternBytes(100_000).copy(bytes, 5_000_000)
    const { content, blocks } = await written(t, Buffer.alloc(0), bytes, 0, () => 1 << 20)
    assert(content.equals(bytes))
    assert(blocks <= 512 << 10, `${blocks} bytes on disk`)
  })

  test('all of it may be zero', async (t) => {
    const { content, blocks } = await written(t, Buffer.alloc(0), Buffer.alloc(3_000_001), 0, () => 1_000_000)
    assert(content.equals(Buffer.alloc(3_000_001)))
    assert(blocks <= 64 << 10, `${blocks} bytes on disk`)
  })
})
