import { type Caller, OriginError } from '../origin.ts'
import type { Answer } from '../upstream/exchange.ts'
import type { GlanceImageApi } from './image-api.ts'
import type { RangeMemory } from './ranges.ts'

/**
 * GET …/file without Range, after an answer to a range that may mean that the store does none. When the image is given
 * now, it does mean that, and is remembered for the store, which the image's record names.
 */
export async function wholeInstead(
  api: GlanceImageApi,
  ranges: RangeMemory,
  id: string,
  caller: Caller,
  refused: Readonly<{ status: number; wording: string }>,
  signal?: AbortSignal,
): Promise<Answer> {
  const whole = await api.file(id, caller, undefined, signal)
  if (whole.status !== 200 || refused.status !== 400) return whole
  try {
    const described = await api.record(id, caller, signal)
    if ('record' in described) ranges.place(id, described.stores)
  } catch (error) {
    if (!(error instanceof OriginError)) {
      whole.abort()
      throw error
    }
    // The record only says for how many images the answer holds: without it, for all whose store is not known.
  }
  ranges.refused(id, refused.wording)
  return whole
}
