import type { ImageCache } from '../cache/cache.ts'
import type { Fetched } from '../cache/fetch.ts'
import type { Caller } from '../origin/origin.ts'
import type { Verified } from './management.ts'

export type RepairTools = Readonly<{
  cache: ImageCache
  ownCaller(): Promise<Caller | undefined>
  /** Leaves an image that could not be fetched again to the prefetcher. */
  requeue(id: string): Promise<unknown>
}>

type Result = Pick<Verified, 'outcome' | 'detail'>

/** Has a file that was never proven made a cached image as any client would: proven where it lies, else downloaded. */
export async function proveByFill(tools: RepairTools, id: string, signal: AbortSignal): Promise<Result> {
  const own = await tools.ownCaller().catch(() => undefined) // as good as none: nothing is known then
  if (own === undefined) return { outcome: 'unknown', detail: 'it is left to be proven when it is served' }
  const fetched = await tools.cache.fetch(id, own, { wanted: true, signal })
  if (fetched.kind === 'committed' || fetched.kind === 'cached') return { outcome: 'intact', detail: undefined }
  if (fetched.kind === 'failed' && fetched.outcome === 'wrong') return repair(tools, id, whyNot(fetched), signal)
  return { outcome: 'unknown', detail: whyNot(fetched) }
}

/** Fetches an image anew whose file has been set aside; `detail` says why it was. Never rejects. */
export async function repair(tools: RepairTools, id: string, detail: string, signal: AbortSignal): Promise<Result> {
  const damaged = (why: string): Result => ({ outcome: 'damaged', detail: `${detail}; not fetched again: ${why}` })
  try {
    const own = await tools.ownCaller()
    if (own === undefined) return damaged('the cache has no credentials of its own')
    const fetched = await tools.cache.fetch(id, own, { wanted: true, signal })
    if (fetched.kind === 'committed' || fetched.kind === 'cached') return { outcome: 'repaired', detail }
    // Somebody wanted it: a store that is down now may have it later.
    if (fetched.kind !== 'refused') await tools.requeue(id)
    return damaged(whyNot(fetched))
  } catch (error) {
    return damaged(error instanceof Error ? error.message : String(error))
  }
}

function whyNot(fetched: Exclude<Fetched, { kind: 'committed' | 'cached' }>): string {
  switch (fetched.kind) {
    case 'refused':
      return `the store answers ${fetched.status}`
    case 'not-cacheable':
      return fetched.detail
    case 'failed':
      return fetched.error instanceof Error ? fetched.error.message : String(fetched.error)
    case 'stopped':
      return 'the cache is ending'
    default:
      return fetched satisfies never
  }
}
