import { mkdir, open, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Driver, Facts, ImageEntry } from '../../drivers/driver.ts'

/** A driver, and the cache directory it is for. */
export type Scene = Readonly<{ driver: Driver; dir: string }>

/** An hour that is long past, on a whole second. */
export const longAgo = Date.UTC(2024, 4, 6, 7, 8, 9)

/** Puts a sparse file into `incomplete/`, as a fill that has been proven leaves it. */
export async function fillImage(dir: string, id: string, size = 1000, modifiedAt = longAgo) {
  await mkdir(join(dir, 'incomplete'), { recursive: true })
  const path = join(dir, 'incomplete', id)
  const handle = await open(path, 'w')
  try {
    await handle.truncate(size)
    await handle.utimes(longAgo / 1000, modifiedAt / 1000)
    const { ino } = await handle.stat()
    return { path, facts: factsFor(ino, size, modifiedAt) }
  } finally {
    await handle.close()
  }
}

const factsFor = (inode: number, size: number, modifiedAt: number): Facts => ({
  inode,
  size,
  modifiedAt,
  md5: inode.toString(16).padStart(32, '0'),
  hashAlgo: 'sha512',
  hashValue: size.toString(16).padStart(128, '0'),
  verifiedAt: modifiedAt + 123,
})

export const place = (dir: string, id: string): Promise<void> => rename(join(dir, 'incomplete', id), join(dir, id))

/** Does to the driver what the cache's commit does, around a real file. Gives what the driver must say of it now. */
export async function commitImage(
  { driver, dir }: Scene,
  id: string,
  wishes: Partial<Omit<ImageEntry, 'id'>> = {},
): Promise<ImageEntry> {
  const { path, facts } = await fillImage(dir, id, wishes.size, wishes.modifiedAt)
  const { size, modifiedAt } = facts
  const entry = { id, size, modifiedAt, hits: 0, accessedAt: longAgo + 60_000, pinned: false, facts, ...wishes }
  if (entry.facts !== undefined) await driver.prepare(id, path, entry.facts)
  await place(dir, id)
  await driver.admit(entry)
  return entry
}

/** Removes the file, then its record, as an eviction does. */
export async function evictImage({ driver, dir }: Scene, id: string): Promise<void> {
  await unlink(join(dir, id))
  await driver.forget(id)
}

export async function collect(list: AsyncIterable<ImageEntry>): Promise<ImageEntry[]> {
  const entries: ImageEntry[] = []
  for await (const entry of list) entries.push(entry)
  return entries
}

export const idsOf = async (list: AsyncIterable<ImageEntry>): Promise<string[]> =>
  (await collect(list)).map(({ id }) => id)

/** The whole list. */
export const entriesOf = (driver: Driver): Promise<ImageEntry[]> => collect(driver.list())

/** Ids in the order of the list. */
export const listed = (driver: Driver): Promise<string[]> => idsOf(driver.list())
