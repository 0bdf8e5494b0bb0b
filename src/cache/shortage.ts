import { NotCacheable } from './not-cached.ts'

/** A file's bytes: its length counts against the limit, but the disk gets back only what it takes; zeros take nothing. */
export type Extent = Readonly<{ length: number; onDisk: number }>

/** What must be freed before an image fits: bytes of the limit, bytes of the disk, and files. Nothing where negative. */
export class Shortage {
  #ofLimit: number
  #onDisk: number
  #ofInodes: number

  constructor(ofLimit: number, onDisk: number, ofInodes: number) {
    this.#ofLimit = ofLimit
    this.#onDisk = onDisk
    this.#ofInodes = ofInodes
  }

  get isOver(): boolean {
    return this.#ofLimit <= 0 && this.#onDisk <= 0 && this.#ofInodes <= 0
  }

  /** Whether it matters what a file takes on the disk. */
  get isOfDisk(): boolean {
    return this.#onDisk > 0
  }

  /** Whether so many bytes less are not enough. */
  isBeyond(bytes: number): boolean {
    return this.#onDisk > bytes || this.#ofLimit > bytes
  }

  freed({ length, onDisk }: Extent): void {
    this.#ofLimit -= length
    this.#onDisk -= onDisk
    this.#ofInodes -= 1
  }

  /** What is left when these have gone. */
  without(extents: readonly Extent[]): Shortage {
    const left = new Shortage(this.#ofLimit, this.#onDisk, this.#ofInodes)
    for (const extent of extents) left.freed(extent)
    return left
  }

  /** The same need in bytes, of the disk if that is short, for what is freed later. */
  later(): Shortage {
    const bytes = Math.max(this.#ofLimit, this.#onDisk, 1)
    return this.isOfDisk ? new Shortage(0, bytes, 0) : new Shortage(bytes, 0, 0)
  }

  /** Why an image cannot be cached. */
  refusal(): NotCacheable {
    const [limit, disk] = [this.#ofLimit, this.#onDisk]
    if (limit > 0) return new NotCacheable('limit', `${limit} bytes more than image_cache_max_size allows`)
    if (disk > 0) return new NotCacheable('no-space', `${disk} bytes too few are free on the cache's file system`)
    return new NotCacheable('no-inodes', "the cache's file system has no free inodes")
  }
}
