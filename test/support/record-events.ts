import type { CacheEvents } from '../../src/cache/events.ts'

/** Keeps what the cache reported, as `name first-argument second-argument`. */
export function recordEvents(): CacheEvents & { readonly seen: string[] } {
  const seen: string[] = []
  return {
    seen,
    fillStarted: (id) => seen.push(`fillStarted ${id}`),
    fillResumed: (id) => seen.push(`fillResumed ${id}`),
    fillEnded: (id, { outcome }) => seen.push(`fillEnded ${id} ${outcome}`),
    received: () => {},
    notCached: (id, reason) => seen.push(`notCached ${id} ${reason}`),
    verified: (id, { outcome }) => seen.push(`verified ${id} ${outcome}`),
    evicted: (id, cause) => seen.push(`evicted ${id} ${cause}`),
    prefetched: (id, { outcome }) => seen.push(`prefetched ${id} ${outcome}`),
    fault: (what, id) => seen.push(`fault ${what} ${id}`),
  }
}
