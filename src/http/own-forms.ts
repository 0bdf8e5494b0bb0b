import type { ImageEntry } from '../../drivers/driver.ts'
import type { ImageState, Management } from '../management/management.ts'
import { jsonItems } from './json-list.ts'

/** Our own API's form of a cached image. Times are Unix milliseconds; undefined members are left out by JSON. */
export function imageForm({ id, size, hits, accessedAt, modifiedAt, pinned, facts }: ImageEntry) {
  return {
    id,
    size,
    hits,
    accessed_at: accessedAt,
    modified_at: modifiedAt,
    pinned,
    verified_at: facts?.verifiedAt,
    md5: facts?.md5,
    os_hash_algo: facts?.hashAlgo,
    os_hash_value: facts?.hashValue,
  }
}

export function incompleteForm(image: NonNullable<ImageState['incomplete']>) {
  const { id, size, received, owner, startedAt, bytesPerSecond, readers, resumes } = image
  return { id, size, received, owner, started_at: startedAt, bytes_per_second: bytesPerSecond, readers, resumes }
}

export function queuedForm({ id, queuedAt, immediate, attempts, reason, retryAt }: NonNullable<ImageState['queued']>) {
  return { id, queued_at: queuedAt, immediate, attempts, reason, retry_at: retryAt }
}

/** Where one image stands; undefined when nothing is known of it. `state` is the first of those that hold. */
export function stateForm({ id, cached, incomplete, queued, invalid }: ImageState) {
  const state =
    cached !== undefined
      ? 'cached'
      : incomplete !== undefined
        ? 'incomplete'
        : queued !== undefined
          ? 'queued'
          : invalid !== undefined
            ? 'invalid'
            : undefined
  if (state === undefined) return undefined
  return {
    id,
    state,
    cached: cached && imageForm(cached),
    incomplete: incomplete && incompleteForm(incomplete),
    queued: queued && queuedForm(queued),
    invalid: invalid === undefined ? undefined : { size: invalid },
  }
}

/** The list of cached images, piece by piece. */
export async function* imageList(management: Management): AsyncGenerator<string, void, undefined> {
  yield '{"images":['
  yield* jsonItems(management.cached(), (entry) => JSON.stringify(imageForm(entry)))
  yield ']}'
}
