/** What is known about the bytes of one committed image. It belongs to one file: where the file differs, it says nothing. */
export type Facts = Readonly<{
  /** The file these facts were established for; Glance may have replaced it meanwhile. */
  inode: number
  /** Bytes. */
  size: number
  /** The file's modification time in Unix milliseconds, always a whole second (a fractional one cannot be restored exactly). */
  modifiedAt: number
  /** MD5 of the whole image in hex, as the upstream declared it (`checksum`). */
  md5: string | undefined
  /** hashlib's name of the upstream's multihash algorithm (`os_hash_algo`), and its value in hex. */
  hashAlgo: string | undefined
  hashValue: string | undefined
  /** When the bytes were last proven against the strongest declared digest, Unix milliseconds. */
  verifiedAt: number
}>

/** One committed image. Sizes are bytes, times are Unix milliseconds. */
export type ImageEntry = Readonly<{
  id: string
  size: number
  /** Complete reads from the cache since the image was committed. */
  hits: number
  accessedAt: number
  modifiedAt: number
  /** A pinned image is never evicted to make room. */
  pinned: boolean
  /** Absent for an image that we did not verify ourselves (Glance wrote it, or its facts were lost). */
  facts: Facts | undefined
}>

/** What `admit` is told; the rest of an entry starts anew (`hits` 0, `accessedAt` now, not pinned) unless given. */
export type NewEntry = Readonly<{
  id: string
  size: number
  modifiedAt: number
  facts: Facts | undefined
  hits?: number
  accessedAt?: number
  pinned?: boolean
}>

/** The number of committed images and the sum of their sizes in bytes. */
export type Totals = Readonly<{ count: number; size: number }>

/**
 * Metadata of committed images. The bytes, the queue and `incomplete/` belong to src/cache/files.ts; a driver never
 * touches them (the xattr driver sets attributes and times of the file, never its bytes).
 *
 * Ids were checked by the caller. Methods may run concurrently and resolve once their effect is visible to every later
 * call of any process. Absence is a value (undefined, nothing listed); every failure is a `DriverError`.
 */
export interface Driver extends AsyncDisposable {
  readonly name: string

  /** undefined when no such image is known (xattr: when there is no such file). */
  get(id: string): Promise<ImageEntry | undefined>

  /**
   * Least recently accessed first (ties by id), so that a pruner can stop at the first entry it keeps. Entries added or
   * removed meanwhile may or may not be seen; none is given twice. Works in pages: the event loop is never held.
   * An aborted signal ends it with its reason.
   */
  list(signal?: AbortSignal): AsyncIterable<ImageEntry>

  /**
   * Every image, by id (code units in ascending order). As `list` otherwise: in pages, so that memory stays flat
   * however many there are, none given twice, ended by its signal.
   */
  byId(signal?: AbortSignal): AsyncIterable<ImageEntry>

  totals(): Promise<Totals>

  /**
   * The bytes of every image by its id: a tenth of the work of a list. Entries added or removed meanwhile may or may not
   * be seen. The event loop is never held.
   */
  sizes(): Promise<ReadonlyMap<string, number>>

  /**
   * Keeps facts for the file that is about to be renamed to the image's place. `path` is where it lies now, and its
   * lock is held by the caller. Called before the fsync that makes the commit durable, so that no committed file ever
   * stands without its facts (xattr), or is adopted by them after a crash before `admit` (sqlite). The same id again
   * replaces them; facts prepared for a file that was never committed do no harm: inode, size and time will not match.
   */
  prepare(id: string, path: string, facts: Facts): Promise<void>

  /**
   * Facts last prepared or admitted for the id, whether or not it has an entry; the caller compares them with the file.
   * xattr: those of the file in the image's place, so prepared ones are found from the rename on.
   */
  factsOf(id: string): Promise<Facts | undefined>

  /**
   * Puts `facts` in the place of `known`, for a file that was proven where it lies: nothing else of the entry changes.
   * False, and nothing is changed, when the image has gone or other facts than `known` are kept for it by now: it was
   * committed anew meanwhile, and what was found out is about an older file.
   */
  replaceFacts(id: string, known: Facts | undefined, facts: Facts): Promise<boolean>

  /** Records bytes already renamed into place. The same id again replaces the entry. */
  admit(entry: NewEntry): Promise<void>

  /**
   * Counts hits, the last of them at `at` (Unix ms); does nothing if the image has gone. The access time never moves
   * backwards.
   */
  touch(id: string, at: number, hits?: number): Promise<void>

  /** Sets or clears the pin; false if there is no such image. */
  pin(id: string, pinned: boolean): Promise<boolean>

  /**
   * Another driver keeps the image from now on; its file stays. Nothing is known of it any more. xattr: it is still an
   * entry, without hits, pin and facts. Harmless when nothing was known.
   */
  giveUp(id: string): Promise<void>

  /** The file has gone: forget the image. Harmless when nothing was known. Who unlinked the file decides who evicted it. */
  forget(id: string): Promise<void>
}

/** Any failure of a metadata driver: says which driver, what was attempted, and keeps the cause. */
export class DriverError extends Error {
  readonly code = 'DRIVER_FAILED'
  readonly driver: string
  constructor(driver: string, message: string, options?: ErrorOptions) {
    super(`metadata driver ${driver}: ${message}`, options)
    this.name = 'DriverError'
    this.driver = driver
  }
}

/** What a driver's open function is given. Opening does the I/O and fails with a clear DriverError, never falls back. */
export type DriverOptions = Readonly<{
  /** `image_cache_dir`, absolute and existing. */
  dir: string
  /** `image_cache_sqlite_db`: a file name inside `dir`, or an absolute path. */
  sqliteDb: string
}>
