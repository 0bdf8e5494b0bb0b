import { createHash } from 'node:crypto'

/** What the cache has of an image when it is asked for. */
export type CacheState = 'nothing' | 'arriving' | 'prefetching' | 'committed' | 'remembered'

/** What is asked for. */
export type Asking = 'whole' | 'range' | 'HEAD' | 'if-none-match'

export type Stage = Readonly<{ name: string; cache: CacheState; asks: Asking }>

export const stages: readonly Stage[] = [
  { name: 'nothing is cached', cache: 'nothing', asks: 'whole' },
  { name: 'nothing is cached; a range', cache: 'nothing', asks: 'range' },
  { name: 'it is arriving', cache: 'arriving', asks: 'whole' },
  { name: 'it is arriving; a range', cache: 'arriving', asks: 'range' },
  { name: 'it is being prefetched', cache: 'prefetching', asks: 'whole' },
  { name: 'it is cached; HEAD', cache: 'committed', asks: 'HEAD' },
  { name: 'it is cached; a range', cache: 'committed', asks: 'range' },
  { name: 'it is cached; If-None-Match with its ETag', cache: 'committed', asks: 'if-none-match' },
  { name: 'it is cached', cache: 'committed', asks: 'whole' },
  { name: 'it is cached, the owner’s yes remembered', cache: 'remembered', asks: 'whole' },
]

const KiB = 1024
export const imageSize = 256 * KiB
/** Of what arrives so much is let through: the range that is asked for lies in it. */
export const heldAfter = 100 * KiB

/** The request itself; `bytes` is what was cached. */
export function requestOf(asks: Asking, bytes: Buffer): Readonly<{ method: string; headers: Record<string, string> }> {
  switch (asks) {
    case 'whole':
      return { method: 'GET', headers: {} }
    case 'range':
      return { method: 'GET', headers: { range: 'bytes=1000-2999' } }
    case 'HEAD':
      return { method: 'HEAD', headers: {} }
    case 'if-none-match':
      return { method: 'GET', headers: { 'if-none-match': etagOf(bytes) } }
  }
}

/** Ours is the digest that Glance declares. */
export const etagOf = (bytes: Buffer): string => `"${createHash('sha512').update(bytes).digest('hex')}"`
