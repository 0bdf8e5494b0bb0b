import type { ContentFacts } from './content-facts.ts'
import { sameStamp } from './file-stamp.ts'
import type { ScannedFile } from './scan.ts'

/** An image whose data may be downloaded. */
export type ActiveImage = Readonly<{ file: ScannedFile; facts: ContentFacts; status: 'active' }>

/** One image of the store, at one moment; `status` is Glance's word. */
export type StoredImage =
  | ActiveImage
  /** Queued until the file was quiet for a while and has been read; deactivated by its sidecar. */
  | Readonly<{ file: ScannedFile; facts: ContentFacts | undefined; status: 'queued' | 'deactivated' }>

/** Facts hold only for the content that they were worked out from; the sidecar's go before those held in memory. */
export function storedImage(file: ScannedFile, inMemory: ContentFacts | undefined): StoredImage {
  const facts = [file.kept.sidecar.facts, inMemory].find((known) => sameStamp(known?.stamp, file.stamp))
  if (file.kept.sidecar.deactivated) return { file, facts, status: 'deactivated' }
  return facts === undefined ? { file, facts, status: 'queued' } : { file, facts, status: 'active' }
}
