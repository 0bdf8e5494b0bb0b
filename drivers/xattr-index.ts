import { opendir } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { AccessOrder, type Place } from './access-order.ts'
import { DirectoryWatch } from './directory-watch.ts'
import type { ImageEntry, Totals } from './driver.ts'
import type { Page } from './pages.ts'
import { statsOf } from './xattr-file.ts'
import { couldBeImage } from './xattr-names.ts'
import { accessedAt } from './xattr-times.ts'

/** Files looked at between two looks for other calls. */
const stretch = 200

/** So often a change was made here of which nobody was told: no more watching. A network file system, mostly. */
const enoughDeaf = 3

/**
 * Sizes and access times of all images of `dir`, in memory, so that the sum and the least recently used cost no look at
 * every file. They are read when they are first asked for, and from then on kept by what the kernel tells of changes,
 * whoever makes them. Every answer holds what any process had done by the time it was asked for. Where the kernel
 * cannot tell, each answer reads the whole directory.
 */
export class XattrIndex {
  readonly #dir: string
  readonly #get: (id: string) => ImageEntry | undefined
  #order = new AccessOrder()
  #watch: DirectoryWatch | undefined
  #deafWatches = 0
  /** Reading whole, or taking over changes: one after the other. */
  #work: Promise<void> = Promise.resolve()

  constructor(dir: string, get: (id: string) => ImageEntry | undefined) {
    this.#dir = dir
    this.#get = get
  }

  async totals(): Promise<Totals> {
    await this.#upToDate()
    return { count: this.#order.count, size: this.#order.bytes }
  }

  async sizes(): Promise<ReadonlyMap<string, number>> {
    await this.#upToDate()
    return new Map(this.#order.sizes())
  }

  /** Least recently accessed first, ties by id. */
  async page(after: Place | undefined, most: number): Promise<Page<Place>> {
    // The rest of a list need not know more than its first page did.
    if (after === undefined) await this.#upToDate()
    for (;;) {
      const places = this.#order.after(after, most)
      const entries = places.map(({ id }) => this.#get(id))
      // Mere reading by others moves an access time too, on most file systems, and nobody is told: such an image has
      // its place later in the list. What its file says is taken over, and the page is made again.
      const news = places.filter(({ id }, index) => this.#takeOver(id, entries[index]))
      if (news.length > 0) continue
      return {
        entries: entries.filter((entry) => entry !== undefined),
        next: places.length === most ? places.at(-1) : undefined,
      }
    }
  }

  close(): void {
    this.#watch?.close()
  }

  /** Whether that was news. */
  #takeOver(id: string, found: Readonly<{ size: number; accessedAt: number }> | undefined): boolean {
    return found === undefined ? this.#order.delete(id) : this.#order.set(id, found.size, found.accessedAt)
  }

  #upToDate(): Promise<void> {
    // Also after one that failed: the next may succeed.
    this.#work = this.#work.catch(() => {}).then(() => this.#bringUpToDate())
    return this.#work
  }

  async #bringUpToDate(): Promise<void> {
    const changed = await this.#watch?.take()
    if (changed === undefined) return this.#readWhole()
    try {
      await this.#look(changed)
    } catch (error) {
      // The names are not told again: who asks next reads everything.
      this.#watch?.close()
      this.#watch = undefined
      throw error
    }
  }

  async #readWhole(): Promise<void> {
    if (this.#watch?.isDeaf === true) this.#deafWatches++
    this.#watch?.close()
    this.#watch = undefined
    // Before the first look, so that no change falls between the two.
    const watch = this.#deafWatches < enoughDeaf ? DirectoryWatch.start(this.#dir, () => this.#startEarly()) : undefined
    try {
      this.#order = new AccessOrder(await imagesIn(this.#dir))
      await this.#look((await watch?.take()) ?? [])
      this.#watch = watch
    } finally {
      // Half of it read is nothing to go on from.
      if (this.#watch === undefined) watch?.close()
    }
  }

  /** Much has changed since somebody asked: who asks next shall not have to wait for all of that. */
  #startEarly(): void {
    // If it cannot be read, whoever asks next hears of it.
    this.#upToDate().catch(() => {})
  }

  async #look(names: Iterable<string>): Promise<void> {
    let looked = 0
    for (const name of names) {
      const stats = statsOf(this.#dir, name)
      this.#takeOver(name, stats && { size: stats.size, accessedAt: accessedAt(stats) })
      if (++looked % stretch === 0) await turn()
    }
  }
}

/** Names that can be images, in order; nothing is known of their files yet. */
export async function namesIn(dir: string): Promise<string[]> {
  const names: string[] = []
  for await (const name of couldBeImages(dir)) names.push(name)
  return names.sort()
}

async function imagesIn(dir: string) {
  const images: (Place & { size: number })[] = []
  for await (const name of couldBeImages(dir)) {
    const stats = statsOf(dir, name)
    if (stats !== undefined) images.push({ id: name, size: stats.size, accessedAt: accessedAt(stats) })
  }
  return images
}

async function* couldBeImages(dir: string): AsyncGenerator<string> {
  let looked = 0
  for await (const { name } of await opendir(dir, { bufferSize: stretch })) {
    if (couldBeImage(name)) yield name
    if (++looked % stretch === 0) await turn()
  }
}
