import type { Facts } from '../../drivers/driver.ts'
import type { Stats } from '../disk/disk.ts'
import type { SharedFile } from './shared-file.ts'

/** A committed image that was found to be proven, its file open under a shared lock. */
export type OpenImage = Readonly<{ file: SharedFile; stats: Stats; facts: Facts }> & {
  /** All of it, once it has been read whole; small images only. */
  bytes?: Uint8Array | undefined
}

/** How long an open image serves those who come next (ms): what another process does to it is noticed after that. */
const keptMs = 100
/** Files kept open at once, and what they have together (bytes): it may be in memory. */
const mostKept = 256
const mostBytes = 32 << 20

/**
 * Small images that were opened a moment ago, still open: to open, lock and look one up takes longer than to send it.
 * Whoever removes an image in this process has it dropped first.
 */
export class RecentHits {
  #bytes = 0
  readonly #kept = new Map<string, Readonly<{ image: OpenImage; timer: NodeJS.Timeout }>>()

  /** The caller becomes a user of its file. */
  take(id: string): OpenImage | undefined {
    const image = this.#kept.get(id)?.image
    image?.file.hold()
    return image
  }

  keep(id: string, image: OpenImage): void {
    const { size } = image.stats
    if (this.#kept.size >= mostKept || this.#bytes + size > mostBytes || this.#kept.has(id)) return
    this.#bytes += size
    image.file.hold()
    this.#kept.set(id, { image, timer: setTimeout(() => void this.drop(id), keptMs).unref() })
  }

  /** Resolves when its file is closed, unless somebody reads it. */
  async drop(id: string): Promise<void> {
    const kept = this.#kept.get(id)
    if (kept === undefined) return
    clearTimeout(kept.timer)
    this.#kept.delete(id)
    this.#bytes -= kept.image.stats.size
    kept.image.file.drop()
    await kept.image.file.closing
  }

  async clear(): Promise<void> {
    await Promise.all([...this.#kept.keys()].map((id) => this.drop(id)))
  }
}
