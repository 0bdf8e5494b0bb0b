import { createHash } from 'node:crypto'

/** Namespace of the ids derived from file names. Changing it changes the id of every image without one of its own. */
const namespace = Buffer.from('1e0b6f0dd1f54b0c9a3e7c5f2a64b8e1', 'hex')

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const leadingUuid = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.|$)/i

/** The id in Glance's form (lower case), undefined for what is no UUID (Glance's image schema asks for one). */
export const canonicalUuid = (text: string): string | undefined => (uuid.test(text) ? text.toLowerCase() : undefined)

/**
 * The id of an image that was given none: its file name where that is a UUID, with or without an extension (the files
 * of Glance's own file store are named so), else a name-based UUID, the same on every machine (RFC 9562 section 5.5).
 */
export function uuidOfFileName(fileName: string): string {
  const own = leadingUuid.exec(fileName)?.[1]
  if (own !== undefined) return own.toLowerCase()
  const bytes = createHash('sha1').update(namespace).update(fileName, 'utf8').digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
