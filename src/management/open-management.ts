import { putRight } from '../cache/reconcile.ts'
import type { Caller } from '../origin/origin.ts'
import { type CleanTools, clean } from './clean.ts'
import { cachedImages, type InventoryTools, imageState, incompleteImages, sizeOf } from './inventory.ts'
import type { Management } from './management.ts'
import type { Prefetcher } from './prefetcher.ts'
import { type PruneTools, prune } from './prune.ts'
import type { Queue } from './queue.ts'
import type { Verifier } from './verify.ts'

export type ManagementTools = InventoryTools &
  PruneTools &
  CleanTools &
  Readonly<{ queue: Queue; prefetcher: Prefetcher; verifier: Verifier }>

/** Everything that can be done with the cache of this process, in one place. */
export function openManagement(tools: ManagementTools): Management {
  const { layout, files, driver, cache, space, queue, prefetcher, verifier } = tools

  const isCached = async (id: string) => {
    const hit = await cache.open(id)
    hit?.close()
    return hit !== undefined
  }

  async function remove(id: string): Promise<boolean> {
    // Its readers were granted it and get the rest.
    if (await space.evict(id, 'removed', true)) return true
    // What an operator removed by hand is still known until then. Not what has just been committed.
    if ((await driver.get(id)) === undefined) return false
    return (await putRight(tools, [{ kind: 'entry', id }])).length > 0
  }

  return {
    cached: () => cachedImages(tools),
    queued: () => queue.list(),
    incomplete: () => incompleteImages(tools),
    show: (id) => imageState(tools, id),

    async queue(id) {
      // As Glance has it: a file is enough, proven or not.
      if (cache.arriving(id) !== undefined || (await sizeOf(layout.committed(id))) !== undefined) return false
      return queue.add(id)
    },
    async prefetch(id: string, caller: Caller) {
      if (await isCached(id)) return
      await prefetcher.start(id, caller)
    },
    unqueue: (id) => prefetcher.cancel(id),
    unqueueAll: () => prefetcher.cancelAll(),

    remove,
    async removeAll() {
      let removed = 0
      for await (const { id } of cachedImages(tools)) if (await remove(id)) removed++
      return removed
    },
    async pin(id, pinned) {
      // Held like a reader's: no prune of any process is in the middle of removing what is pinned here.
      const held = await files.openCommitted(id)
      if (held === undefined) return false
      try {
        // The end of its commit writes the entry anew.
        await cache.arriving(id)?.done
        return await driver.pin(id, pinned)
      } finally {
        await held.handle.close()
      }
    },

    prune: () => prune(tools),
    clean: () => clean(tools),
    verify: (id) => verifier.verify(id),
  }
}
