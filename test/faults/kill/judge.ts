import type { Got } from '../../support/client.ts'
import type { ImageState } from './images.ts'

/** A download as it was asked for and answered. Moments are performance.now(). */
export type Download = Readonly<{
  id: string
  begin: number
  end: number
  headers: Readonly<Record<string, string>>
  /** Inclusive, as in the request; `end` undefined: to the end of the image. */
  range?: Readonly<{ start: number; end: number | undefined }>
  got: Got
  /** The client itself went away in the midst of it. */
  left: boolean
}>

/** What may have kept this download from being answered whole. */
export type Excuses = Readonly<{
  /** Its server was killed meanwhile, or told to end. */
  struck: boolean
  /** The store breaks off bodies of this image: whoever is handed what it sends is cut off too. */
  breaks: boolean
  /** The store has sent wrong bytes of this image, which may still lie in `incomplete/`. */
  corrupt: boolean
}>

/**
 * Says what is wrong with an answer; undefined when nothing is. `states` is everything that the store had under the id
 * while the answer was under way, and for as long before as a "yes" is remembered.
 */
export function wrongWith(
  asked: Download,
  states: readonly (ImageState | undefined)[],
  excuses: Excuses,
): string | undefined {
  const { got } = asked
  const images = states.filter((state) => state !== undefined)
  const changed = states.length > 1
  const cacheStatus = String(got.headers['cache-status'] ?? 'none')
  const isOwn = /hit|stored|collapsed/.test(cacheStatus)
  // What the store itself sends wrong, and the cache only hands on, is no answer of the cache's.
  const isHandedOn = excuses.corrupt && !isOwn
  const words = `${got.status} (${cacheStatus}${got.broke === undefined ? '' : `, ${got.broke}`}), ${got.body.length} bytes`
  switch (got.status) {
    case 200:
    case 206: {
      const found = images.find((image) => isAnswer(asked, image))
      if (!got.complete || asked.left) {
        if (!excuses.corrupt && !images.some((image) => isBegin(asked, image)))
          return `wrong bytes before it broke: ${words}`
        if (asked.left || changed || excuses.struck || excuses.corrupt || (excuses.breaks && !isOwn)) return undefined
        return `cut off although the store had it all the time: ${words}`
      }
      return found === undefined && !isHandedOn ? `wrong, but complete: ${words}` : undefined
    }
    case 304: {
      const tag = asked.headers['if-none-match']
      return images.some(({ etag }) => etag !== undefined && etag === tag)
        ? undefined
        : `304 to another image’s tag ${tag}`
    }
    case 404:
      return changed || images.length === 0 ? undefined : '404 although the store had it all the time'
    case 416:
      return images.some(({ size }) => size <= (asked.range?.start ?? 0)) ? undefined : '416 to a range that there was'
    default:
      // A reset throws away what has arrived and was not read yet, the head too: then nobody knows whose answer it was.
      if (excuses.breaks && got.status === 0) return undefined
      if (asked.left || changed || excuses.struck || excuses.corrupt) return undefined
      return `no answer although the store had it all the time: ${words} ${got.body.toString('latin1', 0, 300)}`
  }
}

/** Whether these are the bytes that were asked for, of this image and no other. */
function isAnswer(asked: Download, image: ImageState): boolean {
  const { got } = asked
  const { start, end } = partOf(asked, image)
  const md5 = got.headers['content-md5']
  return (
    got.body.length === end - start &&
    isBegin(asked, image) &&
    (md5 === undefined || (image.etag !== undefined && md5 === image.md5))
  )
}

/** Whether what has come is how these bytes begin. */
function isBegin(asked: Download, image: ImageState): boolean {
  const { start, end } = partOf(asked, image)
  const { body } = asked.got
  return body.length <= end - start && image.bytes?.subarray(start, start + body.length).equals(body) === true
}

function partOf({ got, range }: Download, { size }: ImageState): { start: number; end: number } {
  if (got.status !== 206) return { start: 0, end: size }
  const start = range?.start ?? 0
  const end = Math.min(size, (range?.end ?? size) + 1)
  // An answer for another length of image is none for this one.
  const isMeant = got.headers['content-range'] === `bytes ${start}-${end - 1}/${size}`
  return isMeant ? { start, end } : { start: 0, end: -1 }
}
