/**
 * Why an image was passed through without being cached: a closed set, the same words in logs, counters and the
 * `detail` of Cache-Status.
 * - `not-active`: the image's status is not `active` (deactivated, queued, saving, importing …).
 * - `no-size`: the upstream declares no size, or 0 (a snapshot of a volume has no data of its own).
 * - `no-record`: the upstream gives this caller the bytes but not the image's record.
 * - `too-large`: larger than the whole hard limit. `limit`: no room can be made under it now.
 * - `no-space`, `no-inodes`: no room can be made on the file system.
 * - `busy`: `cache.max_fills` are under way. `cache-failed`: our own disk or metadata failed.
 */
export type NotCached =
  | 'not-active'
  | 'no-size'
  | 'no-record'
  | 'too-large'
  | 'limit'
  | 'no-space'
  | 'no-inodes'
  | 'busy'
  | 'cache-failed'

/** Thrown inside the cache by whatever finds the reason; the miss turns it into a pass-through. */
export class NotCacheable extends Error {
  readonly code = 'NOT_CACHEABLE'
  readonly reason: NotCached
  constructor(reason: NotCached, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'NotCacheable'
    this.reason = reason
  }
}
