import type { Disk } from './disk.ts'
import type { Images } from './images.ts'

/** What is known of each image beyond what the store has: why it may go from the cache, or lie in `invalid/`. */
export class Marks {
  /** The store's image was changed or removed since a look found the cached one to be the same. */
  readonly stale = new Set<string>()
  /** The store has sent wrong bytes that may still lie in `incomplete/`. */
  readonly corrupt = new Set<string>()
  /** Its file may have proved wrong since a look found nothing in `invalid/`. */
  readonly suspect = new Set<string>()
  /** Complete answers with bytes that this image may have given since it was committed last. */
  readonly asked = new Map<string, number>()
  /** Under way now: removals by id, and prunes, to which every image that is not pinned may fall. */
  readonly #removing = new Map<string, number>()
  prunes = 0
  /**
   * What is known of an image goes before its file does. Whose removal was begun since a look found it proven may be
   * there without its facts after a kill: then it is proven again before it is given out.
   */
  readonly unproven = new Set<string>()

  isBeingRemoved(id: string): boolean {
    return (this.#removing.get(id) ?? 0) > 0
  }

  async removing<T>(id: string, work: () => Promise<T>): Promise<T> {
    this.#removing.set(id, (this.#removing.get(id) ?? 0) + 1)
    this.unproven.add(id)
    try {
      return await work()
    } finally {
      this.#removing.set(id, (this.#removing.get(id) ?? 1) - 1)
    }
  }

  async pruning<T>(work: () => Promise<T>): Promise<T> {
    this.prunes++
    try {
      return await work()
    } finally {
      this.prunes--
    }
  }

  changed(id: string): void {
    this.stale.add(id)
    this.unproven.add(id)
    this.suspect.add(id)
  }

  corrupted(id: string): void {
    this.corrupt.add(id)
    this.suspect.add(id)
  }

  wasAsked(id: string): void {
    this.asked.set(id, (this.asked.get(id) ?? 0) + 1)
  }

  /** Nothing is under way, and these are proven: takes back what does not hold any more. */
  settle(disk: Disk, images: Images, proven: ReadonlySet<string>): void {
    for (const id of this.unproven) if (proven.has(id)) this.unproven.delete(id)
    this.#removing.clear()
    this.prunes = 0
    const [incomplete, invalid] = [new Set(disk.names('incomplete')), new Set(disk.names('invalid'))]
    for (const id of this.corrupt) if (!incomplete.has(id)) this.corrupt.delete(id)
    for (const id of this.stale) {
      const md5 = disk.md5(id)
      const isSame = md5 === undefined ? !incomplete.has(id) : md5 === images.now(id)?.md5
      if (isSame) this.stale.delete(id)
    }
    for (const id of this.suspect) {
      if (!invalid.has(id) && !this.stale.has(id) && !this.corrupt.has(id)) this.suspect.delete(id)
    }
  }
}
