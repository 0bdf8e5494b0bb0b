import type { Place } from './access-order.ts'
import type { Driver, DriverOptions, Facts, ImageEntry, NewEntry } from './driver.ts'
import { DriverThread } from './driver-thread.ts'
import { listInPages } from './pages.ts'
import type { XattrOperations } from './xattr-worker.ts'

const body = new URL(import.meta.url.endsWith('.ts') ? './xattr-worker.ts' : './xattr-worker.js', import.meta.url)

/** Images of a page: little enough that other calls need not wait for it. */
const pageImages = 100

/**
 * No database: what is known about an image stands on its file, in Glance's `user.hits`, attributes of our own, and
 * the file's times. So an entry comes and goes with its file, and every file of a likely name is one.
 */
export async function openXattr({ dir }: DriverOptions): Promise<Driver> {
  return new XattrDriver(await DriverThread.start<XattrOperations>('xattr', body, dir))
}

class XattrDriver implements Driver {
  readonly name = 'xattr'
  readonly #thread: DriverThread<XattrOperations>

  constructor(thread: DriverThread<XattrOperations>) {
    this.#thread = thread
  }

  get(id: string): Promise<ImageEntry | undefined> {
    return this.#thread.ask('get', id)
  }

  list(signal?: AbortSignal): AsyncIterable<ImageEntry> {
    const read = (after: Place | undefined, most: number) => this.#thread.ask('page', after, most)
    return listInPages(read, { signal, isAhead: true })
  }

  async *byId(signal?: AbortSignal): AsyncIterable<ImageEntry> {
    signal?.throwIfAborted()
    const ids = await this.#thread.ask('names')
    const page = (start: number) => {
      const entries = this.#thread.ask('entries', ids.slice(start, start + pageImages))
      // Whoever stops early does not want to hear of the page ahead.
      entries.catch(() => {})
      return entries
    }
    let ahead = page(0)
    for (let start = 0; start < ids.length; start += pageImages) {
      signal?.throwIfAborted()
      const entries = await ahead
      // The thread reads on while these are looked at.
      if (start + pageImages < ids.length) ahead = page(start + pageImages)
      for (const entry of entries) {
        signal?.throwIfAborted()
        yield entry
      }
    }
  }

  sizes() {
    return this.#thread.ask('sizes')
  }

  totals() {
    return this.#thread.ask('totals')
  }

  prepare(id: string, path: string, facts: Facts): Promise<void> {
    return this.#thread.ask('prepare', id, path, facts)
  }

  /** Facts of the file in the image's place: those prepared for another count once that one has been renamed there. */
  factsOf(id: string): Promise<Facts | undefined> {
    return this.#thread.ask('factsOf', id)
  }

  replaceFacts(id: string, known: Facts | undefined, facts: Facts): Promise<boolean> {
    return this.#thread.ask('replaceFacts', id, known, facts)
  }

  admit(entry: NewEntry): Promise<void> {
    return this.#thread.ask('admit', entry.id, entry)
  }

  touch(id: string, at: number, hits = 1): Promise<void> {
    return this.#thread.ask('touch', id, at, hits)
  }

  pin(id: string, pinned: boolean): Promise<boolean> {
    return this.#thread.ask('pin', id, pinned)
  }

  giveUp(id: string): Promise<void> {
    return this.#thread.ask('giveUp', id)
  }

  forget(id: string): Promise<void> {
    return this.#thread.ask('forget', id)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread[Symbol.asyncDispose]()
  }
}
