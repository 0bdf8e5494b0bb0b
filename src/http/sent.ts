import type { ReadFailed } from '../cache/reader.ts'

/** What came of sending a body. `bytes` of the body have been handed to the kernel, when `failed` all that were read before it. */
export type Sent = Readonly<{
  outcome: 'complete' | 'client-left' | 'client-stalled' | 'failed'
  bytes: number
  /** With `failed` only. */
  error?: ReadFailed
}>
