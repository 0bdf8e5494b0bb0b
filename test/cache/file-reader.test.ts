import assert from 'node:assert/strict'
import { type FileHandle, open, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { FileReadFailed } from '../../src/cache/file-read-failed.ts'
import { openFileReader } from '../../src/cache/file-reader.ts'
import type { Lease } from '../../src/cache/reader.ts'
import { cleanup } from '../support/cleanup.ts'
import { deadline } from '../support/deadline.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { tempDir } from '../support/temp-dir.ts'
import { bytesOf, pattern } from '../support/upstream-bytes.ts'

const mib = 1 << 20
const small = 64 << 10
const image = pattern(3 * mib + 777)

async function imageFile(t: TestContext): Promise<Readonly<{ file: FileHandle; path: string }>> {
  const path = join(await tempDir(t), 'image')
  await writeFile(path, bytesOf(image))
  const file = await open(path)
  cleanup(t, () => file.close())
  return { file, path }
}

const failsWith = (code: string) => (error: unknown) => error instanceof FileReadFailed && error.code === code

const isImageAt = (lease: Lease, position: number) =>
  Buffer.from(lease.bytes).equals(bytesOf(image, position, position + lease.bytes.length))

test('hundreds of reads at once, each gets its own bytes', async (t) => {
  const { file } = await imageFile(t)
  const reader = openFileReader()
  const random = seededRandom(1)
  // Forty readers that hold each lease over two further turns of the event loop.
  await Promise.all(
    Array.from({ length: 40 }, async () => {
      for (let round = 0; round < 12; round++) {
        const position = random.between(0, image.size - 1)
        const length = random.pick([1, 1000, small, small + 1, 2 * mib])
        const lease = await deadline(reader.read(file.fd, position, length), 'a read')
        await new Promise(setImmediate)
        await new Promise(setImmediate)
        assert(lease.bytes.length >= 1 && lease.bytes.length <= Math.min(length, small))
        assert(isImageAt(lease, position), `${lease.bytes.length} bytes at ${position}`)
        lease.release()
      }
    }),
  )
})

test('a buffer released twice is lent once', async (t) => {
  const { file } = await imageFile(t)
  const reader = openFileReader()
  const first = await reader.read(file.fd, 0, small)
  first.release()
  first.release()
  const [second, third] = await Promise.all([
    reader.read(file.fd, small, small),
    reader.read(file.fd, 2 * small, small),
  ])
  assert(isImageAt(second, small))
  assert(isImageAt(third, 2 * small))
})

test('a read across the end gives what there is; at the end it fails with EOF', async (t) => {
  const { file } = await imageFile(t)
  const reader = openFileReader()
  const lease = await reader.read(file.fd, image.size - 50, 100)
  assert.equal(lease.bytes.length, 50)
  assert(isImageAt(lease, image.size - 50))
  await assert.rejects(reader.read(file.fd, image.size, 100), failsWith('EOF'))
})

test('a read of a file that has been cut short fails with EOF', async (t) => {
  const { file, path } = await imageFile(t)
  await truncate(path, 1000)
  await assert.rejects(openFileReader().read(file.fd, 2000, 100), failsWith('EOF'))
})

test('a read that the system refuses fails with its code, and the next one is well', async (t) => {
  const { file, path } = await imageFile(t)
  const reader = openFileReader()
  const writeOnly = await open(path, 'a')
  cleanup(t, () => writeOnly.close())
  const directory = await open(join(path, '..'))
  cleanup(t, () => directory.close())
  await assert.rejects(reader.read(writeOnly.fd, 0, 100), failsWith('EBADF'))
  await assert.rejects(reader.read(directory.fd, 0, 100), failsWith('EISDIR'))
  await assert.rejects(reader.read(2 ** 20, 0, 100), failsWith('EBADF'))
  assert(isImageAt(await reader.read(file.fd, 5, 100), 5))
})

test('a copy is not the original: 64 KiB at most, and it stays when the original changes', () => {
  const reader = openFileReader()
  const original = bytesOf(image, 0, mib)
  const lease = reader.copy(original)
  original.fill(0)
  assert.equal(lease.bytes.length, small)
  assert(isImageAt(lease, 0))
})
