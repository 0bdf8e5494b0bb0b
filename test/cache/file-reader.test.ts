import assert from 'node:assert/strict'
import { type FileHandle, open, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { FileReadFailed } from '../../src/cache/file-read-failed.ts'
import { type FileReader, type FileReaderOptions, openFileReader } from '../../src/cache/file-reader.ts'
import type { Lease } from '../../src/cache/reader.ts'
import { cleanup } from '../support/cleanup.ts'
import { deadline } from '../support/deadline.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { tempDir } from '../support/temp-dir.ts'
import { bytesOf, pattern } from '../support/upstream-bytes.ts'

const mib = 1 << 20
const small = 64 << 10
const image = pattern(9 * mib + 777)

async function imageFile(t: TestContext): Promise<Readonly<{ file: FileHandle; path: string }>> {
  const path = join(await tempDir(t), 'image')
  await writeFile(path, bytesOf(image))
  const file = await open(path)
  cleanup(t, () => file.close())
  return { file, path }
}

function fileReader(t: TestContext, options?: FileReaderOptions): FileReader {
  const reader = openFileReader(options)
  cleanup(t, () => reader[Symbol.asyncDispose]())
  return reader
}

const failsWith = (code: string) => (error: unknown) => error instanceof FileReadFailed && error.code === code

const isImageAt = (lease: Lease, position: number) =>
  Buffer.from(lease.bytes).equals(bytesOf(image, position, position + lease.bytes.length))

for (const threads of [0, 1, 3]) {
  test(`hundreds of reads at once, each gets its own bytes, ${threads} threads`, async (t) => {
    const { file } = await imageFile(t)
    const reader = fileReader(t, { threads, buffers: 8 })
    const random = seededRandom(threads + 1)
    // Forty readers that hold each lease over two further turns of the event loop, so that all buffers are in use.
    await Promise.all(
      Array.from({ length: 40 }, async () => {
        for (let round = 0; round < 12; round++) {
          const position = random.between(0, image.size - 1)
          const length = random.pick([1, 1000, small, small + 1, 300_000, 2 * mib])
          const lease = await deadline(reader.read(file.fd, position, length), 'a read')
          await new Promise(setImmediate)
          await new Promise(setImmediate)
          assert(lease.bytes.length >= 1 && lease.bytes.length <= length)
          assert(isImageAt(lease, position), `${lease.bytes.length} bytes at ${position}`)
          lease.release()
        }
      }),
    )
  })
}

test('large reads while large buffers are free, else 64 KiB at once, never waiting', async (t) => {
  const { file } = await imageFile(t)
  const reader = fileReader(t, { buffers: 4, bufferSize: mib })
  const read = () => deadline(reader.read(file.fd, 0, 2 * mib), 'a read')
  const held = await Promise.all([read(), read(), read(), read(), read(), read()])
  assert.deepEqual(
    held.map(({ bytes }) => bytes.length).sort((a, b) => a - b),
    [small, small, mib, mib, mib, mib],
  )
  const [large] = held.filter(({ bytes }) => bytes.length === mib)
  large?.release()
  assert.equal((await read()).bytes.length, mib, 'a buffer that came back is used again')
  for (const lease of held) assert(isImageAt(lease, 0))
})

test('a buffer released twice is lent once', async (t) => {
  const { file } = await imageFile(t)
  const reader = fileReader(t, { buffers: 2, bufferSize: mib })
  const first = await reader.read(file.fd, 0, mib)
  first.release()
  first.release()
  const [second, third] = await Promise.all([reader.read(file.fd, mib, mib), reader.read(file.fd, 2 * mib, mib)])
  assert(isImageAt(second, mib))
  assert(isImageAt(third, 2 * mib))
  const fourth = await reader.read(file.fd, 3 * mib, mib)
  assert.equal(fourth.bytes.length, small, 'there were two buffers, and a third was lent')
})

for (const [kind, length] of [
  ['small', 100],
  ['large', mib],
] as const) {
  test(`a ${kind} read across the end gives what there is; at the end it fails with EOF`, async (t) => {
    const { file } = await imageFile(t)
    const reader = fileReader(t)
    const lease = await reader.read(file.fd, image.size - 50, length)
    assert.equal(lease.bytes.length, 50)
    assert(isImageAt(lease, image.size - 50))
    await assert.rejects(reader.read(file.fd, image.size, length), failsWith('EOF'))
  })

  test(`a ${kind} read of a file that has been cut short fails with EOF`, async (t) => {
    const { file, path } = await imageFile(t)
    const reader = fileReader(t)
    await truncate(path, 1000)
    await assert.rejects(reader.read(file.fd, 2000, length), failsWith('EOF'))
  })

  test(`a ${kind} read that the system refuses fails with its code`, async (t) => {
    const { file, path } = await imageFile(t)
    const reader = fileReader(t)
    const writeOnly = await open(path, 'a')
    cleanup(t, () => writeOnly.close())
    const directory = await open(join(path, '..'))
    cleanup(t, () => directory.close())
    await assert.rejects(reader.read(writeOnly.fd, 0, length), failsWith('EBADF'))
    await assert.rejects(reader.read(directory.fd, 0, length), failsWith('EISDIR'))
    await assert.rejects(reader.read(2 ** 20, 0, length), failsWith('EBADF'))
    // A failure costs no buffer and no thread.
    assert(isImageAt(await reader.read(file.fd, 5, length), 5))
  })
}

test('failures give their buffers back', async (t) => {
  const { file, path } = await imageFile(t)
  const reader = fileReader(t, { buffers: 2, bufferSize: mib })
  const writeOnly = await open(path, 'a')
  cleanup(t, () => writeOnly.close())
  for (let round = 0; round < 5; round++) {
    await assert.rejects(reader.read(writeOnly.fd, 0, mib), failsWith('EBADF'))
    await assert.rejects(reader.read(file.fd, image.size, mib), failsWith('EOF'))
  }
  assert.equal((await reader.read(file.fd, 0, mib)).bytes.length, mib)
})

test('after the end: pending reads are cancelled, new ones refused, and what is out stays as it is', async (t) => {
  const { file } = await imageFile(t)
  const reader = openFileReader({ threads: 1 })
  const lease = await reader.read(file.fd, 7, mib)
  const pending = Array.from({ length: 20 }, () => reader.read(file.fd, 0, mib))
  const settled = Promise.allSettled(pending)
  await deadline(reader[Symbol.asyncDispose](), 'the end of the reader')
  for (const result of await deadline(settled, 'pending reads')) {
    assert(result.status === 'rejected' ? failsWith('ECANCELED')(result.reason) : isImageAt(result.value, 0))
  }
  await assert.rejects(reader.read(file.fd, 0, 10), failsWith('ECANCELED'))
  await assert.rejects(reader.read(file.fd, 0, mib), failsWith('ECANCELED'))
  assert(isImageAt(lease, 7))
  lease.release()
  await deadline(reader[Symbol.asyncDispose](), 'the end of the reader, again')
})

test('a number of buffers that is no power of two is refused', () => {
  assert.throws(() => openFileReader({ buffers: 3 }), /power of two, not 3/)
})
