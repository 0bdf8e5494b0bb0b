import { mkdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openDriver } from '../../drivers/index.ts'

/** Bytes of each image. */
export const imageSize = 16

/** The bytes of an image, where it does not matter which. */
export const fillBytes = Buffer.alloc(imageSize, '0')

/** The image of this number, from 0. */
export const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const together = 500

/** Fills a cache directory with so many tiny images that are committed and proven, as far as the driver can tell. */
export async function fillDirectory(dir: string, driverName: string, entries: number): Promise<void> {
  await mkdir(dir, { recursive: true })
  await using driver = await openDriver(driverName, { dir, sqliteDb: 'cache.db' })
  const modifiedAt = Date.UTC(2026, 0, 1)
  async function add(n: number): Promise<void> {
    const id = idOf(n)
    const path = join(dir, id)
    await writeFile(path, String(n).padStart(imageSize, '0'))
    await utimes(path, modifiedAt / 1000, modifiedAt / 1000)
    const { ino } = await stat(path)
    const digests = { md5: '0'.repeat(32), hashAlgo: 'sha512', hashValue: '0'.repeat(128) }
    const facts = { inode: ino, size: imageSize, modifiedAt, ...digests, verifiedAt: Date.now() }
    // In an order of use of its own: neither by name nor by time of arrival.
    const accessedAt = modifiedAt + ((n * 7919) % entries) * 1000
    await driver.admit({ id, size: imageSize, modifiedAt, facts, hits: n % 10, accessedAt })
  }
  for (let start = 0; start < entries; start += together) {
    const count = Math.min(together, entries - start)
    await Promise.all(Array.from({ length: count }, (_, index) => add(start + index)))
  }
}
