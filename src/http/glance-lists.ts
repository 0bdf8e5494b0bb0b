import type { ImageEntry } from '../../drivers/driver.ts'
import type { Management } from '../management/management.ts'
import { jsonItems } from './json-list.ts'

/** The documents that list what is cached and queued, in the form that Glance gives them, piece by piece. */
export async function* cachedAndQueued(management: Management): AsyncGenerator<string, void, undefined> {
  yield* member('{"cached_images": [', jsonItems(management.cached(), cachedImage), '], ')
  yield* member('"queued_images": [', queuedIds(management), ']}')
}

export const cachedOnly = (management: Management): AsyncIterable<string> =>
  member('{"cached_images": [', jsonItems(management.cached(), cachedImage), ']}')

export const queuedOnly = (management: Management): AsyncIterable<string> =>
  member('{"queued_images": [', queuedIds(management), ']}')

async function* member(before: string, items: AsyncIterable<string>, after: string): AsyncGenerator<string> {
  yield before
  yield* items
  yield after
}

async function* queuedIds(management: Management): AsyncGenerator<string, void, undefined> {
  // Looked up when its turn has come: what was cached while the first list went out is not queued any more.
  yield* jsonItems(await management.queued(), ({ id }) => JSON.stringify(id))
}

const cachedImage = ({ id, hits, accessedAt, modifiedAt, size }: ImageEntry): string =>
  `{"image_id": ${JSON.stringify(id)}, "hits": ${hits}, "last_accessed": ${seconds(accessedAt)}, ` +
  `"last_modified": ${seconds(modifiedAt)}, "size": ${size}}`

/** Python's form of a floating-point number: a whole one has its `.0`. */
function seconds(ms: number): string {
  const value = ms / 1000
  return Number.isInteger(value) ? value.toFixed(1) : String(value)
}
