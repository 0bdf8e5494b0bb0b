import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'

/** An image of random bytes, the same for every server under test. */
export type Image = Readonly<{
  id: string
  /** What stands in the table: `1 GiB`. */
  label: string
  /** Bytes. */
  size: number
  path: string
  /** Hex digests of the whole. */
  md5: string
  sha512: string
}>

const chunkBytes = 4 * 2 ** 20

/** Writes an image file into `dir`; its digests are worked out on the way. */
export async function makeImage(dir: string, label: string, size: number): Promise<Image> {
  const id = randomUUID()
  const path = join(dir, `${id}.data`)
  const md5 = createHash('md5')
  const sha512 = createHash('sha512')
  await using file = await open(path, 'wx')
  const chunk = randomBytes(Math.min(chunkBytes, size))
  for (let position = 0; position < size; position += chunk.length) {
    // Random once, then numbered: no two chunks are alike, so that misplaced bytes show in the digest.
    chunk.writeDoubleLE(position)
    const bytes = chunk.subarray(0, size - position)
    md5.update(bytes)
    sha512.update(bytes)
    await file.writeFile(bytes)
  }
  return { id, label, size, path, md5: md5.digest('hex'), sha512: sha512.digest('hex') }
}
