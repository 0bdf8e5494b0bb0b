import { readlinkSync } from 'node:fs'

/** Name of the cache directory of each case: only what lies below it counts. */
export const cacheName = 'cache-of-a-faulty-disk'

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

/** The image that a case is about; all others are `<other>`. */
const isMain = (id: string): boolean => id.endsWith('000000000001')
const isImage = (id: string): boolean => id.startsWith('00000000-0000-4000-8000-')

/** A path as the matrix names it; undefined for what is no file of the cache. */
export function placeOf(path: unknown): string | undefined {
  const text = String(path)
  const at = text.lastIndexOf(`/${cacheName}`)
  if (at < 0) return undefined
  const place = text.slice(at + cacheName.length + 2).replace(/ \(deleted\)$/, '')
  if (place === '') return 'the cache directory'
  return place.replace(uuid, (id) => (isImage(id) ? (isMain(id) ? '<id>' : '<other>') : '<n>'))
}

/** What a descriptor is open on; of a directory or a socket that is none of the cache's, undefined. */
export function placeOfDescriptor(fd: number): string | undefined {
  try {
    return placeOf(readlinkSync(`/proc/self/fd/${fd}`))
  } catch {
    return undefined
  }
}

/** `what <place>`, undefined when the place is none. */
export const say = (what: string, place: string | undefined): string | undefined => place && `${what} ${place}`
