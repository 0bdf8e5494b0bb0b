/**
 * What a run of the prefetcher tells as it goes. Bytes; `size` is undefined until the image store has said it.
 * - `started`: bytes begin to arrive; `received` lie there already.
 * - `progress`: every moment while they do; with a `reason` after a failure that another attempt will follow.
 * - `cached`, `failed`: the end, once for each image.
 */
export type PrefetchEvent = Readonly<{
  image: string
  state: 'started' | 'progress' | 'cached' | 'failed'
  received: number
  size: number | undefined
  reason: string | undefined
}>

/** The last word of a run. */
export type PrefetchSummary = Readonly<{ done: true; cached: number; failed: number }>
