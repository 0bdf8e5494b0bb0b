import type { Driver } from '../../drivers/driver.ts'
import { type Doubts, fileKey } from './doubts.ts'
import type { CacheEvents } from './events.ts'
import type { FileReader } from './file-reader.ts'
import type { Files } from './files.ts'
import { factsMatch, type Hit, type HitTools, openHit } from './hit.ts'
import { HitCounts } from './hit-counts.ts'
import type { RecentHits } from './recent-hits.ts'
import { shareFile } from './shared-file.ts'
import { keepSmallImages } from './small-images.ts'

export type CommittedImagesOptions = Readonly<{
  driver: Driver
  events: CacheEvents
  files: Files
  fileReader: FileReader
  doubts: Doubts
  /** Emptied by `files` of what is to be removed. */
  recent: RecentHits
}>

/** The way of a hit: from an id to the bytes of a committed image that was proven. */
export class CommittedImages {
  readonly #options: CommittedImagesOptions
  readonly #hits: HitCounts
  readonly #tools: HitTools

  constructor(options: CommittedImagesOptions) {
    this.#options = options
    const { driver, events, fileReader, doubts } = options
    this.#hits = new HitCounts(driver, (id, error) => events.fault('counting a hit', id, error))
    this.#tools = {
      fileReader,
      small: keepSmallImages(),
      touch: (id) => this.#hits.count(id),
      isCondemned: (key) => doubts.isCondemned(key),
    }
  }

  /** Open for reading; undefined when there is none that can be trusted as it is. */
  async open(id: string): Promise<Hit | undefined> {
    const { driver, events, files, doubts, recent } = this.#options
    const open = recent.take(id)
    if (open !== undefined) {
      if (!doubts.isCondemned(fileKey(id, open.stats))) return openHit(this.#tools, id, open)
      open.file.drop()
    }
    const committed = await files.openCommitted(id).catch((error: unknown) => {
      events.fault('opening a cached image', id, error)
      return undefined
    })
    if (committed === undefined) return undefined
    try {
      // Facts are there before the entry is: for a moment after a commit, for longer after a crash.
      const facts = (await driver.get(id))?.facts ?? (await driver.factsOf(id))
      const { handle, stats } = committed
      if (facts !== undefined && factsMatch(facts, committed) && !doubts.isCondemned(fileKey(id, stats))) {
        const image = { file: shareFile(handle), stats, facts }
        if (stats.size <= this.#tools.small.largest) recent.keep(id, image)
        return openHit(this.#tools, id, image)
      }
    } catch (error) {
      events.fault('reading metadata', id, error)
    }
    await committed.handle.close()
    return undefined
  }

  /** Closes what is only kept open, and counts what is not counted yet. */
  async close(): Promise<void> {
    await Promise.all([this.#options.recent.clear(), this.#hits.written()])
  }
}
