import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { type HeaderList, OriginError } from '../origin.ts'
import { type Answer, noContent, problem, requestId } from './answer.ts'
import type { ByteRange } from './byte-range.ts'
import type { Catalogue } from './catalogue.ts'
import { FileDownload } from './file-download.ts'
import { sameStamp, stampOf } from './file-stamp.ts'
import type { ActiveImage, StoredImage } from './stored-image.ts'
import { isAbsent, systemCode } from './system-code.ts'

/** The active image of this id, or what to tell a client that asked for its data. */
export async function activeImage(catalogue: Catalogue, id: string): Promise<ActiveImage | Answer> {
  const image = await catalogue.find(id)
  return image?.status === 'active' ? image : withoutData(image, id)
}

/** In Glance's words and codes. */
function withoutData(image: StoredImage | undefined, id: string): Answer {
  if (image === undefined) return unknownImage(id)
  if (image.status === 'queued') return noContent()
  return problem(403, 'The requested image has been deactivated. Image data download is forbidden.')
}

export const unknownImage = (id: string): Answer => problem(404, `No image found with ID ${id}`)

/** Opens the data of an image, or a part of it. `chunkBytes` is the most that is read at once. */
export async function openImageData(
  catalogue: Catalogue,
  id: string,
  rangeOf: (size: number) => ByteRange,
  chunkBytes: number,
): Promise<FileDownload | Answer> {
  const opened = await openActive(catalogue, id)
  if (!('handle' in opened)) return opened
  const { image, handle } = opened
  const { size } = image.facts.stamp
  const range = rangeOf(size)
  if (range.kind === 'whole') {
    const headers = dataHeaders(image, size)
    return new FileDownload(image, handle, { status: 200, headers, start: 0, end: size, chunkBytes })
  }
  if (range.kind === 'part') {
    const { start, end } = range
    const contentRange = ['Content-Range', `bytes ${start}-${end - 1}/${size}`] as const
    const headers = [...dataHeaders(image, end - start), contentRange]
    return new FileDownload(image, handle, { status: 206, headers, start, end, chunkBytes })
  }
  await handle.close()
  if (range.kind === 'unsatisfiable') return problem(416, range.reason, [['Content-Range', `bytes */${size}`]])
  return problem(
    400,
    'Requests with multiple ranges are not supported in Glance. You may make multiple single-range requests instead.',
  )
}

/** What Glance sends with image data; the digest is the whole image's, in hex, for parts too. */
const dataHeaders = (image: ActiveImage, length: number): HeaderList => [
  ['Content-Type', 'application/octet-stream'],
  ['Content-MD5', image.facts.md5],
  ['Content-Length', String(length)],
  ['Accept-Ranges', 'bytes'],
  requestId(),
]

async function openActive(
  catalogue: Catalogue,
  id: string,
): Promise<{ image: ActiveImage; handle: FileHandle } | Answer> {
  // What was replaced between the look and the opening is looked at once more; what still changes is not complete.
  for (let attempt = 0; attempt < 2; attempt++) {
    const image = await activeImage(catalogue, id)
    if (!('facts' in image)) return image
    const handle = await openUnchanged(image)
    if (handle !== undefined) return { image, handle }
    await catalogue.rescan()
  }
  return noContent()
}

async function openUnchanged(image: ActiveImage): Promise<FileHandle | undefined> {
  const { path } = image.file
  let handle: FileHandle | undefined
  try {
    // Links were followed when the directory was listed: one that is there now has taken the file's place.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    if (sameStamp(stampOf(await handle.stat()), image.facts.stamp)) return handle
    await handle.close()
    return undefined
  } catch (error) {
    await handle?.close()
    if (isAbsent(error) || systemCode(error) === 'ELOOP') return undefined
    throw new OriginError('broken', `image ${image.file.id}: ${path} cannot be opened: ${String(error)}`, {
      cause: error,
    })
  }
}
