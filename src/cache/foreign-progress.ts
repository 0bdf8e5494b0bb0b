import { fstatSync, watch } from '../disk/disk.ts'
import type { Files } from './files.ts'
import { readFillRecord } from './fill-record.ts'
import type { Layout } from './layout.ts'
import { tryLockShared, unlock } from './lock.ts'

/** Between two looks without a sign: a killed process gives none (ms). */
const lookMs = 250

/**
 * How the fill of another process ended for those who follow it. `wrong`: what it has received proved not to be the image;
 * `left`: nobody follows it any more.
 */
export type ForeignEnd = 'committed' | 'wrong' | 'gone' | 'stalled' | 'left'

export type ForeignProgressOptions = Readonly<{
  layout: Layout
  files: Files
  id: string
  /** The file that is being filled, open for reading. */
  fd: number
  inode: number
  watermark: number
  startAt: number
  /** Without progress for so long it counts as stalled (ms). */
  idleMs: number
}>

/**
 * How far another process is with an image, looked at once for all who follow it here: whenever it publishes its progress,
 * of which the kernel tells (inotify), and a few times a second to see whether it is still there.
 */
export class ForeignProgress {
  /** Bytes that are in the file. */
  watermark: number
  /** Bytes of it that are from an earlier life of any of its owners: only the fill itself proves them. */
  startAt: number
  end: ForeignEnd | undefined
  /** Resolves when it has ended; never rejects. */
  readonly done: Promise<ForeignEnd>
  readonly #options: ForeignProgressOptions
  #isLeaving = false
  #changed = Promise.withResolvers<void>()
  /** Something was done to the record since the last look began. */
  #hasSign = false
  #look: (() => void) | undefined

  constructor(options: ForeignProgressOptions) {
    this.#options = options
    this.watermark = options.watermark
    this.startAt = options.startAt
    this.done = this.#watch()
  }

  /** It has ended, or is about to be left. */
  get isOver(): boolean {
    return this.end !== undefined || this.#isLeaving
  }

  /** Resolves at the next change of any of the above, or with `wake`; never rejects. */
  changed(): Promise<void> {
    return this.#changed.promise
  }

  /** Whoever waits looks again. */
  wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  leave(): void {
    this.#isLeaving = true
    this.#look?.()
  }

  async #watch(): Promise<ForeignEnd> {
    const { layout, id, idleMs } = this.#options
    const unwatch = watchFile(layout.fillRecord(id), () => {
      this.#hasSign = true
      this.#look?.()
    })
    let since = performance.now()
    try {
      for (;;) {
        this.#hasSign = false
        const before = this.watermark
        const end = await this.#found().catch(() => undefined)
        if (end !== undefined) return this.#tell(end)
        if (this.watermark > before) {
          since = performance.now()
          this.wake()
        } else if (performance.now() - since > idleMs) return this.#tell('stalled')
        if (this.#isLeaving) return this.#tell('left')
        if (!this.#hasSign) await this.#pause(Math.min(lookMs, idleMs))
      }
    } finally {
      unwatch()
    }
  }

  /** Until there is a reason to look again, at most for so long. */
  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms).unref()
    this.#look = resolve
    await promise
    clearTimeout(timer)
  }

  async #found(): Promise<ForeignEnd | undefined> {
    const { layout, files, id, fd, inode } = this.#options
    if (await files.isCommitted(id, inode)) {
      // From now on it is read like any other: who makes room sees that it is in use.
      tryLockShared(fd)
      return 'committed'
    }
    const record = await readFillRecord(layout, id)
    if (record?.facts.inode === inode) {
      this.watermark = Math.max(this.watermark, record.progress.watermark)
      this.startAt = Math.max(this.startAt, record.facts.startAt)
    }
    // The owner's lock ends with it. One that we can have, on a file that was not committed, means nobody goes on.
    if (!tryLockShared(fd)) return undefined
    if (await files.isCommitted(id, inode)) return 'committed'
    unlock(fd)
    // Set aside before its lock ended, or emptied where that could not be done.
    const isEmptied = this.watermark > 0 && fstatSync(fd).size === 0
    return isEmptied || (await files.isInvalid(id, inode)) ? 'wrong' : 'gone'
  }

  #tell(end: ForeignEnd): ForeignEnd {
    this.end = end
    this.wake()
    return end
  }
}

/** Runs `onSign` when something is done to a file. Where that cannot be had (there is no such file any more) it never is. */
function watchFile(path: string, onSign: () => void): () => void {
  try {
    const watcher = watch(path, { persistent: false }, onSign).on('error', () => undefined)
    return () => watcher.close()
  } catch {
    return () => {}
  }
}
