import type { FileStamp } from './file-stamp.ts'
import { isJsonObject, type JsonValue } from './json-value.ts'

/** What reading the whole file told. It holds for the content of that stamp only. */
export type ContentFacts = Readonly<{
  stamp: FileStamp
  /** MD5 and SHA-512 of the whole file, in hex. */
  md5: string
  sha512: string
  /** Glance's word for the kind of disk, as far as the bytes and the name tell. */
  diskFormat: string
  /** Bytes of the disk inside the file; undefined where only the format's own tools could tell. */
  virtualSize: number | undefined
}>

/** The member of the sidecar in which facts are kept: a block of its own, so that all others belong to the operator. */
export const factsToJson = (facts: ContentFacts): JsonValue => ({
  size: facts.stamp.size,
  mtime_ms: facts.stamp.modifiedAt,
  checksum: facts.md5,
  os_hash_algo: 'sha512',
  os_hash_value: facts.sha512,
  disk_format: facts.diskFormat,
  virtual_size: facts.virtualSize ?? null,
})

/** undefined for anything that is not complete: it is worked out again. */
export function factsFromJson(value: JsonValue | undefined): ContentFacts | undefined {
  if (!isJsonObject(value)) return undefined
  const { size, mtime_ms: modifiedAt, checksum: md5, os_hash_value: sha512, disk_format: diskFormat } = value
  const virtualSize = value.virtual_size ?? undefined
  if (!isByteCount(size) || typeof modifiedAt !== 'number' || value.os_hash_algo !== 'sha512') return undefined
  if (typeof md5 !== 'string' || !/^[0-9a-f]{32}$/.test(md5)) return undefined
  if (typeof sha512 !== 'string' || !/^[0-9a-f]{128}$/.test(sha512)) return undefined
  if (typeof diskFormat !== 'string' || (virtualSize !== undefined && !isByteCount(virtualSize))) return undefined
  return { stamp: { size, modifiedAt }, md5, sha512, diskFormat, virtualSize }
}

const isByteCount = (value: JsonValue | undefined): value is number => Number.isSafeInteger(value) && Number(value) >= 0
