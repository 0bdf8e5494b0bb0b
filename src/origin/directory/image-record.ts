import type { ImageRecord } from '../origin.ts'
import type { JsonObject } from './json-value.ts'
import type { StoredImage } from './stored-image.ts'

/** The image as Glance's API shows it (`GET /v2/images/<id>`). Everybody may read everything here: it is public. */
export function imageRecord({ file, facts, status }: StoredImage): JsonObject {
  const { properties, members } = file.kept.sidecar
  const changedAt = glanceTime(file.stamp.modifiedAt)
  const self = `/v2/images/${file.id}`
  return {
    ...properties,
    name: file.fileName,
    disk_format: facts?.diskFormat ?? null,
    container_format: 'bare',
    virtual_size: facts?.virtualSize ?? null,
    protected: false,
    min_ram: 0,
    min_disk: 0,
    owner: null,
    os_hidden: false,
    tags: [],
    created_at: changedAt,
    ...members,
    id: file.id,
    status,
    visibility: 'public',
    size: facts?.stamp.size ?? null,
    checksum: facts?.md5 ?? null,
    os_hash_algo: facts === undefined ? null : 'sha512',
    os_hash_value: facts?.sha512 ?? null,
    updated_at: changedAt,
    self,
    file: `${self}/file`,
    schema: '/v2/schemas/image',
  }
}

/** The same for the cache. */
export function originRecord({ file, facts, status }: StoredImage): ImageRecord {
  return {
    id: file.id,
    status,
    size: facts?.stamp.size,
    md5: facts?.md5,
    hashAlgo: facts && 'sha512',
    hashValue: facts?.sha512,
    updatedAt: glanceTime(file.stamp.modifiedAt),
  }
}

/** Whole seconds in UTC, as Glance writes them. */
const glanceTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`
