import { getAttributeSync, listAttributesSync, removeAttributeSync, setAttributeSync } from 'fs-xattr'
import { codeOf } from './thread-call.ts'

/** Glance's own: hits in decimal. Its download fails at the end where a cached file lacks it. */
export const hitsAttribute = 'user.hits'
/** Ours, see facts-record.ts. */
export const factsAttribute = 'user.afterimage.facts'
/** Ours: present on a pinned image. */
export const pinnedAttribute = 'user.afterimage.pinned'

/*
 * Only fs-xattr's synchronous functions, and therefore only in a thread of our own: the asynchronous ones leak about
 * half a kilobyte and the value at every call (LinusU/fs-xattr issue 47), and may read a value that has been collected
 * (issue 46).
 */

/** undefined when the file has no such attribute. Throws ENOENT when there is no such file. */
export function readAttribute(path: string, name: string): string | undefined {
  try {
    return getAttributeSync(path, name).toString()
  } catch (error) {
    if (codeOf(error) === 'ENODATA') return undefined
    throw error
  }
}

/**
 * How to read several attributes of one file. To ask for one that is not there costs an error with its stack, which is
 * more than all the rest: of a hundred thousand files it would be half the time, and a hundred megabytes of garbage.
 */
export function attributesOf(path: string): (name: string) => string | undefined {
  const names = listAttributesSync(path)
  return (name) => (names.includes(name) ? readAttribute(path, name) : undefined)
}

export const writeAttribute = (path: string, name: string, value: string): void => setAttributeSync(path, name, value)

/** Sets the attribute, or removes it if `value` is undefined. Harmless when it was not there. */
export function replaceAttribute(path: string, name: string, value: string | undefined): void {
  try {
    if (value === undefined) removeAttributeSync(path, name)
    else writeAttribute(path, name, value)
  } catch (error) {
    if (codeOf(error) !== 'ENODATA') throw error
  }
}
