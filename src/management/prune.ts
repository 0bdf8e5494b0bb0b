import { setTimeout as delay } from 'node:timers/promises'
import type { ImageEntry } from '../../drivers/driver.ts'
import { isImageId } from '../cache/image-id.ts'
import { compare } from '../cache/orphans.ts'
import { putRight, type ReconcileTools } from '../cache/reconcile.ts'
import type { Pruned } from './management.ts'

export type PruneTools = ReconcileTools & Readonly<{ /** `image_cache_max_size`, bytes. */ maxSize: number }>

/**
 * The lock for space is held about this long at a time, or as long as it takes to look at the total, and then left for
 * a moment: downloads of images that are not cached need it.
 */
const sectionMs = 50
const pauseMs = 15

/**
 * Removes committed images, the least recently used first, until all together have at most `maxSize` bytes; what was
 * really removed is counted. One that is pinned, being read, or was asked for since it was listed stays. Two at once,
 * or one beside a server that makes room, remove no more than needed: each looks at the total again under the lock for
 * space. An image that cannot be removed is reported, and the rest goes on. An aborted signal ends it between two
 * images, with what it has done so far.
 */
export async function prune(tools: PruneTools, signal?: AbortSignal): Promise<Pruned> {
  // Entries of files that somebody removed by hand would count, and images in real use would go for them.
  const { orphans, strangers } = await compare(tools)
  await putRight(
    tools,
    orphans.filter(({ kind }) => kind === 'entry' || kind === 'file'),
  )
  const work = new Pruning(tools, strangers)
  // Again for those that were used since they were listed: there may be no others left.
  for (let round = 0; round < 2 && (round === 0 || work.skipped > 0); round++) {
    if (await work.round(signal)) break
  }
  return work.pruned
}

class Pruning {
  readonly #tools: PruneTools
  readonly #strangers: number
  #files = 0
  #bytes = 0
  /** Images that were used since they were listed. */
  skipped = 0

  constructor(tools: PruneTools, strangers: number) {
    this.#tools = tools
    this.#strangers = strangers
  }

  get pruned(): Pruned {
    return { files: this.#files, bytes: this.#bytes }
  }

  /** Goes through the images once; true when they fit, or the work was ended. */
  async round(signal: AbortSignal | undefined): Promise<boolean> {
    this.skipped = 0
    const candidates = this.#tools.driver.list()[Symbol.asyncIterator]()
    try {
      for (;;) {
        const state = await this.#tools.space.exclusively(() => this.#section(candidates, signal))
        if (state !== 'more') return state === 'fits' || signal?.aborted === true
        await delay(pauseMs)
      }
    } finally {
      await candidates.return?.()
    }
  }

  async #section(candidates: AsyncIterator<ImageEntry>, signal: AbortSignal | undefined) {
    const { driver, maxSize } = this.#tools
    const began = performance.now()
    let over = (await driver.totals()).size - this.#strangers - maxSize
    const end = performance.now() + Math.max(sectionMs, performance.now() - began)
    while (over > 0 && signal?.aborted !== true) {
      if (performance.now() > end) return 'more'
      const { value: entry, done } = await candidates.next()
      if (done === true) return 'all seen'
      over -= await this.#remove(entry)
    }
    return over > 0 ? 'all seen' : 'fits'
  }

  /** Bytes that went. */
  async #remove(entry: ImageEntry): Promise<number> {
    const { driver, space, events } = this.#tools
    if (entry.pinned || !isImageId(entry.id)) return 0
    const mayGo = async () => {
      const now = await driver.get(entry.id)
      if (now === undefined || now.pinned) return false
      if (now.accessedAt === entry.accessedAt) return true
      this.skipped++
      return false
    }
    try {
      if (!(await space.evict(entry.id, 'space', false, mayGo))) return 0
    } catch (error) {
      events.fault('pruning', entry.id, error)
      return 0
    }
    this.#files++
    this.#bytes += entry.size
    return entry.size
  }
}
