import type { ImageReader } from '../cache/reader.ts'
import type { Caller } from '../origin/origin.ts'

/** What is declared of an image's bytes, in an answer of ours. */
export type Representation = Readonly<{
  size: number
  md5: string | undefined
  hashValue: string | undefined
}>

/** Where the bytes of a response come from: a committed image, or one that is arriving. */
export type Source = Representation &
  Readonly<{
    /** A reader for a response that ends at `end` (exclusive). Called once, or `abandon` is. */
    open(end: number, caller: Caller): ImageReader
    abandon(): void
  }>

/** A strong entity tag (RFC 9110 8.8.3): the digest of the bytes themselves. */
export const entityTag = ({ hashValue, md5 }: Omit<Representation, 'size'>): string | undefined => {
  const digest = hashValue ?? md5
  return digest === undefined ? undefined : `"${digest.toLowerCase()}"`
}

/** RFC 9211: what this cache did with the request. */
export type CacheStatus =
  | 'hit'
  | 'fwd=miss; stored'
  | 'fwd=miss; collapsed'
  | `fwd=miss; detail=${string}`
  | 'fwd=bypass'

export const cacheStatus = (status: CacheStatus): string => `afterimage; ${status}`

/** The fields that Glance sends with an image, and those that a cache adds. */
export function imageFields(image: Representation, requestId: string, status: CacheStatus): Record<string, string> {
  const etag = entityTag(image)
  return {
    'Content-Type': 'application/octet-stream',
    ...(image.md5 === undefined ? {} : { 'Content-MD5': image.md5 }),
    ...(etag === undefined ? {} : { ETag: etag }),
    'Accept-Ranges': 'bytes',
    'X-Openstack-Request-Id': requestId,
    'Cache-Status': cacheStatus(status),
  }
}
