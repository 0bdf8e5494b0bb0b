import type { Driver, Facts } from '../../drivers/driver.ts'
import { rm, utimes } from '../disk/disk.ts'
import type { Kept } from './doubts.ts'
import { isAbsent } from './error-code.ts'
import type { Files, Owned } from './files.ts'
import type { Layout } from './layout.ts'

export type CommitOptions = Readonly<{
  layout: Layout
  files: Files
  driver: Driver
  owned: Owned
  size: number
  declared: Readonly<{ md5: string | undefined; hashAlgo: string | undefined; hashValue: string | undefined }>
  /** What an image that was cached before keeps when it was only proven again. */
  kept?: Kept | undefined
}>

/**
 * Makes a proven file a cached image. False: the claimed file has lost its name meanwhile (a DELETE), nothing is cached.
 *
 * A crash after each line leaves, and the next start or request puts right:
 *  1 length      incomplete/<id>, resumable                          resumed; its prefix is hashed again
 *  2 time        the same
 *  3 prepare     the same, facts that match no committed file        facts of another inode say nothing
 *  4 fsync       the same
 *  5 rename      <id>, which may be gone after a power loss          (then as after 4)
 *  6 directory   <id> with its facts, without a row                  reconcile admits it by its facts
 *  7 admit       <id>, a queue entry and a record too many           reconcile and the prefetcher drop them
 */
export async function commit(options: CommitOptions): Promise<boolean> {
  const { layout, files, driver, owned, size, declared, kept } = options
  const path = layout.incomplete(owned.id)

  const { size: length } = await owned.handle.stat()
  if (length !== size) throw new Error(`incomplete/${owned.id} has ${length} bytes, expected ${size}`)

  // A whole second: a fractional time cannot be put back exactly when a hit sets the access time (see the xattr driver).
  const modifiedAt = Math.floor(Date.now() / 1000) * 1000
  if (!(await setTimes(path, modifiedAt))) return false

  const facts: Facts = { ...declared, inode: owned.inode, size, modifiedAt, verifiedAt: Date.now() }
  await driver.prepare(owned.id, path, facts)

  await owned.handle.sync()

  if (!(await files.commit(owned))) return false

  await driver.admit({ id: owned.id, size, modifiedAt, facts, ...kept })

  // It is cached, whatever becomes of these: the cleaner finds what stays.
  const { id } = owned
  for (const path of [layout.queued(id), layout.queueNote(id), layout.fillRecord(id)]) {
    await rm(path, { force: true }).catch(() => {})
  }
  return true
}

/** False when the name has gone. */
const setTimes = (path: string, modifiedAt: number): Promise<boolean> =>
  utimes(path, new Date(), modifiedAt / 1000).then(
    () => true,
    (error: unknown) => {
      if (isAbsent(error)) return false
      throw error
    },
  )
