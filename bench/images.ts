import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'

/** An image, the same for every server under test. */
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

/**
 * Writes an image file of random bytes into `dir`; its digests are worked out on the way. With `dataShare` only so much
 * of it, in chunks spread evenly, has data: the rest is a hole that reads as zeros.
 */
export async function makeImage(dir: string, label: string, size: number, dataShare = 1): Promise<Image> {
  const id = randomUUID()
  const path = join(dir, `${id}.data`)
  const md5 = createHash('md5')
  const sha512 = createHash('sha512')
  await using file = await open(path, 'wx')
  const chunk = randomBytes(Math.min(chunkBytes, size))
  const zeros = Buffer.alloc(chunk.length)
  const every = Math.round(1 / dataShare)
  for (let position = 0; position < size; position += chunk.length) {
    const hasData = (position / chunk.length) % every === 0
    // Random once, then numbered: no two chunks are alike, so that misplaced bytes show in the digest.
    if (hasData) chunk.writeDoubleLE(position)
    const bytes = (hasData ? chunk : zeros).subarray(0, size - position)
    md5.update(bytes)
    sha512.update(bytes)
    if (hasData) await file.write(bytes, 0, bytes.length, position)
  }
  await file.truncate(size)
  // On the disk before anything is measured: nobody pays for writing it, and it can be dropped from memory.
  await file.sync()
  return { id, label, size, path, md5: md5.digest('hex'), sha512: sha512.digest('hex') }
}

/** The same bytes, of the same file, as another image. */
export const sameBytes = (image: Image): Image => ({ ...image, id: randomUUID() })
