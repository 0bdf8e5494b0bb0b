import { opendir } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import type { Totals } from './driver.ts'
import { statsOf } from './xattr-file.ts'
import { couldBeImage } from './xattr-names.ts'
import { accessedAt } from './xattr-times.ts'

/** Files looked at between two looks for other calls. */
const stretch = 200

type Seen = Readonly<{ id: string; size: number; accessedAt: number }>

/** Questions about all images of `dir`. Other calls are served while they run. */
export function wholeOf(dir: string) {
  return {
    /** Ids, least recently accessed first, ties by id. */
    async byAccess(): Promise<string[]> {
      const seen: Seen[] = []
      for await (const image of images(dir)) seen.push(image)
      return seen.sort((a, b) => a.accessedAt - b.accessedAt || (a.id < b.id ? -1 : 1)).map(({ id }) => id)
    },

    /** Names that can be images, in order; nothing is known of their files yet. */
    async names(): Promise<string[]> {
      const names: string[] = []
      for await (const name of couldBeImages(dir)) names.push(name)
      return names.sort()
    },

    async sizes(): Promise<ReadonlyMap<string, number>> {
      const found = new Map<string, number>()
      for await (const { id, size } of images(dir)) found.set(id, size)
      return found
    },

    async totals(): Promise<Totals> {
      let count = 0
      let sum = 0
      for await (const { size } of images(dir)) {
        count++
        sum += size
      }
      return { count, size: sum }
    },
  }
}

async function* images(dir: string): AsyncGenerator<Seen> {
  for await (const name of couldBeImages(dir)) {
    const stats = statsOf(dir, name)
    if (stats !== undefined) yield { id: name, size: stats.size, accessedAt: accessedAt(stats) }
  }
}

async function* couldBeImages(dir: string): AsyncGenerator<string> {
  let looked = 0
  for await (const { name } of await opendir(dir, { bufferSize: stretch })) {
    if (couldBeImage(name)) yield name
    if (++looked % stretch === 0) await turn()
  }
}
