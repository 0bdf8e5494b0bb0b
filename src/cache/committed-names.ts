import { setImmediate as turn } from 'node:timers/promises'
import { opendir } from '../disk/disk.ts'
import { isImageId } from './image-id.ts'
import type { Layout } from './layout.ts'

/** Names read between two turns of the event loop. */
const stretch = 1000

/**
 * The ids of all committed files: regular ones, no links. To read the directory takes a tenth of looking for each file.
 * Files added or removed meanwhile may or may not be seen.
 */
export async function committedNames({ dir }: Layout): Promise<ReadonlySet<string>> {
  const names = new Set<string>()
  let read = 0
  for await (const entry of await opendir(dir, { bufferSize: stretch })) {
    if (entry.isFile() && isImageId(entry.name)) names.add(entry.name)
    if (++read % stretch === 0) await turn()
  }
  return names
}
