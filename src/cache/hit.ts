import type { Facts } from '../../drivers/driver.ts'
import { fileKey } from './doubts.ts'
import type { FileReader } from './file-reader.ts'
import type { Committed } from './files.ts'
import type { ImageReader } from './reader.ts'
import { ReadFailed } from './reader.ts'
import type { OpenImage } from './recent-hits.ts'
import { spanOf } from './shared-file.ts'
import { imageKey, type SmallImages } from './small-images.ts'

/** A committed image, open and locked against eviction until it is closed. */
export interface Hit extends ImageReader {
  readonly id: string
  readonly facts: Facts
  /** Counts one complete read. Does not wait, never fails the response. */
  completed(): void
}

export type HitTools = Readonly<{
  fileReader: FileReader
  small: SmallImages
  touch(id: string): void
  /** Whether the file (see fileKey) has proved wrong since it was opened. */
  isCondemned(key: string): boolean
}>

/** Whether the facts were established for this very file: Glance may have written another one meanwhile. */
export const factsMatch = (facts: Facts | undefined, { stats }: Pick<Committed, 'stats'>): boolean =>
  facts !== undefined &&
  facts.inode === stats.ino &&
  facts.size === stats.size &&
  facts.modifiedAt === Math.round(stats.mtimeMs)

/** The hit is a user of the image's file until it is closed. */
export function openHit(tools: HitTools, id: string, image: OpenImage): Hit {
  const { file, stats, facts } = image
  const mine = fileKey(id, stats)
  const { size } = stats
  // Blocks of 512 bytes, whatever the file system's own are (stat(2)).
  const isSparse = stats.blocks * 512 < size
  if (size <= tools.small.largest) image.bytes ??= tools.small.get(imageKey(id, facts))
  let open = true

  async function fromDisk(position: number, max: number) {
    file.hold()
    try {
      if (size > tools.small.largest)
        return await tools.fileReader.read(file.fd, position, Math.min(max, size - position))
      const bytes = Buffer.allocUnsafeSlow(size)
      for (let at = 0; at < size; ) {
        const { bytesRead } = await file.handle.read(bytes, at, size - at, at)
        if (bytesRead === 0) throw new Error(`the file ends at ${at}, expected ${size}`)
        at += bytesRead
      }
      tools.small.put(imageKey(id, facts), bytes)
      image.bytes = bytes
      return { bytes: bytes.subarray(position, position + max), release: () => {} }
    } catch (cause) {
      throw new ReadFailed('cache', `cannot read the cached image at ${position}`, { cause })
    } finally {
      file.drop()
    }
  }

  return {
    id,
    facts,
    size,
    read(position, max) {
      if (!open) throw new ReadFailed('closed', 'the reader is closed')
      // What was given out before may be wrong, so what comes now must not make it look complete.
      if (tools.isCondemned(mine)) throw new ReadFailed('wrong', 'the cached image has proved wrong')
      if (image.bytes === undefined) return fromDisk(position, max)
      return { bytes: image.bytes.subarray(position, position + max), release: () => {} }
    },
    span(position, max) {
      const isSmall = size <= tools.small.largest
      if (!open || tools.isCondemned(mine) || (isSmall && image.bytes === undefined)) return undefined
      return spanOf(file, Math.min(size, position + max), { isInMemory: isSmall, isSparse })
    },
    completed: () => tools.touch(id),
    close() {
      if (!open) return
      open = false
      file.drop()
    },
  }
}
