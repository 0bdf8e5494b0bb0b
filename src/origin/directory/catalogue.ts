import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { OriginError } from '../origin.ts'
import { DigestJobs } from './digest-jobs.ts'
import { sameStamp, stampOf } from './file-stamp.ts'
import { nothingScanned, type ScannedFile, scanDirectory } from './scan.ts'
import { type StoredImage, storedImage } from './stored-image.ts'

export type CatalogueOptions = Readonly<{
  /** Absolute. */
  dir: string
  /** A file is taken to be complete once it has not changed for this long. */
  settleMs: number
  /** The directory is listed again after this long at the earliest; 0: for every request. */
  rescanMs: number
  /** How long a request for an image waits for its digests, which are being worked out, before it is told to come back. */
  digestWaitMs: number
  digestConcurrency: number
  /** Told once of everything that an operator should put right. */
  onWarning: (message: string) => void
}>

/**
 * The images of a directory. Nothing tells us of changes (NFS has no notifications): whoever asks has the directory
 * listed again when that is due, and files that are still to be digested are looked at until they are.
 */
export class Catalogue implements AsyncDisposable {
  readonly #options: CatalogueOptions
  readonly #jobs: DigestJobs
  #scan = nothingScanned
  #scanning: Promise<void> | undefined
  /** In milliseconds of `performance.now()`. */
  #due = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: CatalogueOptions) {
    this.#options = options
    this.#jobs = new DigestJobs(options)
  }

  /** Every image, as of now or at most `rescanMs` ago. */
  async images(): Promise<StoredImage[]> {
    await this.#refresh()
    return Array.from(this.#scan.byId.values(), (file) => this.#stored(file))
  }

  /** The image of this very id, its file looked at just now; undefined when there is none. */
  async find(id: string): Promise<StoredImage | undefined> {
    const known = this.#scan.byId.get(id)
    if (known !== undefined && (await this.#unchanged(known))) {
      // This answer needs no listing, but what changed elsewhere is to be found while the store is in use. Should it
      // fail, the next who needs it is told.
      this.#refresh().catch(() => {})
    } else if (known !== undefined) {
      await this.rescan()
    } else {
      await this.#refresh()
    }
    const file = this.#scan.byId.get(id)
    if (file === undefined) return undefined
    const job = this.#jobs.of(file)
    if (job === undefined) return this.#stored(file)
    await Promise.race([job, delay(this.#options.digestWaitMs, undefined, { ref: false })])
    const now = this.#scan.byId.get(id)
    return now && this.#stored(now)
  }

  /** Lists the directory, beginning now. Rejects with an OriginError where that cannot be done. */
  async rescan(): Promise<void> {
    // A scan that is under way may have passed the place that has just changed.
    await this.#scanning?.catch(() => {})
    await this.#begin()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#scanning?.catch(() => {})
    await this.#jobs[Symbol.asyncDispose]()
  }

  async #refresh(): Promise<void> {
    if (this.#scanning !== undefined || performance.now() >= this.#due) await this.#begin()
  }

  #begin(): Promise<void> {
    this.#scanning ??= this.#list().finally(() => {
      this.#scanning = undefined
    })
    return this.#scanning
  }

  async #list(): Promise<void> {
    const { dir, rescanMs, onWarning } = this.#options
    const started = performance.now()
    const before = new Set(this.#scan.complaints)
    try {
      this.#scan = await scanDirectory(dir, this.#scan)
    } catch (error) {
      const message = `image directory ${dir} cannot be listed: ${String(error)}`
      // Whoever opens the directory is told by the error.
      if (this.#scan !== nothingScanned && !before.has(message)) onWarning(message)
      // Whoever asks next is not told from what was there before.
      this.#due = 0
      if (this.#scan !== nothingScanned) this.#scan = { ...this.#scan, complaints: [...before, message] }
      throw new OriginError('unreachable', message, { cause: error })
    }
    if (this.#closed) return
    const ended = performance.now()
    // Of a directory that takes long to list, listing takes a tenth of the time at most.
    this.#due = rescanMs === 0 ? 0 : ended + Math.max(rescanMs, 10 * (ended - started))
    for (const complaint of new Set(this.#scan.complaints)) if (!before.has(complaint)) onWarning(complaint)
    this.#jobs.start(this.#scan)
    this.#lookAgain()
  }

  /** Until all files are quiet and digested, they are looked at without anybody asking. */
  #lookAgain(): void {
    clearTimeout(this.#timer)
    if (!this.#jobs.isPending(this.#scan)) return
    const wait = Math.max(this.#options.settleMs, this.#due - performance.now())
    this.#timer = setTimeout(() => {
      // Should the directory have gone, the next request is told so.
      this.rescan().catch(() => {})
    }, wait)
    this.#timer.unref()
  }

  #stored(file: ScannedFile): StoredImage {
    return storedImage(file, this.#jobs.facts(file.fileName))
  }

  async #unchanged(file: ScannedFile): Promise<boolean> {
    // A link can go while its target stays, which only listing the directory shows: it holds until that is due.
    if (file.path !== join(this.#options.dir, file.fileName)) return performance.now() < this.#due
    try {
      const stats = await lstat(file.path)
      return stats.isFile() && sameStamp(stampOf(stats), file.stamp)
    } catch {
      // Whatever is wrong with it, listing the directory shows.
      return false
    }
  }
}
