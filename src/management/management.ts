import type { ImageEntry } from '../../drivers/driver.ts'
import type { VerifyOutcome } from '../cache/events.ts'
import type { Caller } from '../origin/origin.ts'

/** An image that somebody wants in the cache. Times are Unix milliseconds. */
export type QueuedImage = Readonly<{
  id: string
  queuedAt: number
  /** Fetched as soon as there is a place for it (PUT /v2/cache); otherwise it waits for the prefetcher. */
  immediate: boolean
  /** Fetches that failed since it was queued, why the last one did, and when the next is due (undefined: given up). */
  attempts: number
  reason: string | undefined
  retryAt: number | undefined
}>

/** An image on its way into `incomplete/`, or left there to be resumed. Sizes are bytes. */
export type IncompleteImage = Readonly<{
  id: string
  /** Undefined when what was left says nothing of it. */
  size: number | undefined
  received: number
  /** `here`: this process receives it; `elsewhere`: another one does; `left`: nobody works on it. */
  owner: 'here' | 'elsewhere' | 'left'
  /** The rest is known of fills of this process only. */
  startedAt: number | undefined
  bytesPerSecond: number | undefined
  readers: number | undefined
  resumes: number | undefined
}>

/** Where one image stands. */
export type ImageState = Readonly<{
  id: string
  cached: ImageEntry | undefined
  incomplete: IncompleteImage | undefined
  queued: QueuedImage | undefined
  /** Bytes in `invalid/`. */
  invalid: number | undefined
}>

/** What a prune did, or would do, with one image; in the order in which images go. */
export type PruneVerdict = Readonly<{
  entry: ImageEntry
  /** 1 is the least recently used. */
  rank: number
  /** Being read by somebody, in whatever process. */
  inUse: boolean
  prune: boolean
  reason: 'least-recently-used' | 'fits' | 'pinned' | 'in-use'
}>

export type Pruned = Readonly<{ files: number; bytes: number }>

/** What a clean removed, and orphans that it put right; `bytes` are those of the files that it removed. */
export type Cleaned = Readonly<{ invalid: number; stalled: number; orphans: number; bytes: number }>

export type { VerifyOutcome } from '../cache/events.ts'

export type Verified = Readonly<{ id: string; outcome: VerifyOutcome; detail: string | undefined }>

/**
 * What an operator does with the cache. Ids were checked by the caller (`isImageId`); nothing here knows HTTP, and who
 * may do it was decided before. Every method is safe beside a running server and beside the same in other processes.
 */
export interface Management {
  /** Committed images by id, as Glance lists them. In pages: memory stays flat. */
  cached(): AsyncIterable<ImageEntry>
  /** Oldest first (Glance: by the queue file's time, then by name). */
  queued(): Promise<QueuedImage[]>
  incomplete(): Promise<IncompleteImage[]>
  show(id: string): Promise<ImageState>

  /** Puts it into `queue/`; false when it is cached, arriving or queued already. */
  queue(id: string): Promise<boolean>
  /** Queues it and starts to fetch at once, with the cache's own credentials, else with this caller's. */
  prefetch(id: string, caller: Caller): Promise<void>
  /** Takes it out of the queue and stops a fetch that was started for it; what clients wait for goes on. */
  unqueue(id: string): Promise<boolean>
  unqueueAll(): Promise<number>

  /** Removes a cached image, even one that is being read (its readers get the rest). False when it is not cached. */
  remove(id: string): Promise<boolean>
  removeAll(): Promise<number>
  /** False when it is not cached. */
  pin(id: string, pinned: boolean): Promise<boolean>

  /** Least recently used first, down to `image_cache_max_size`; never one that is pinned or being read. */
  prune(): Promise<Pruned>
  /** Invalid images at once, unowned incomplete ones after `image_cache_stall_time`, and what nothing belongs to. */
  clean(): Promise<Cleaned>
  /** Hashes the cached image again and compares it with what the store declares now. Undefined when it is not cached. */
  verify(id: string): Promise<Verified | undefined>
}
