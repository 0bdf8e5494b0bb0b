import type { CacheEvents } from '../cache/events.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

/** Turns what the cache reports into log lines and counters. */
export function reportCacheEvents(log: Log, metrics: () => Metrics): CacheEvents {
  return {
    fillStarted: (image, { size, resumedAt }) => log.info({ image, size, resumedAt }, 'fill started'),
    fillResumed(image, { at, attempt, cause }) {
      metrics().resumes.inc()
      log.warn({ image, at, attempt, cause }, 'upstream broke off; fill goes on')
    },
    fillEnded(image, { outcome, received, ms, error }) {
      metrics().fills.inc({ outcome })
      const level = outcome === 'committed' || outcome === 'stopped' || outcome === 'deleted' ? 'info' : 'error'
      log[level]({ image, outcome, received, ms, ...(error === undefined ? {} : { error }) }, 'fill ended')
    },
    received: (bytes) => metrics().received.inc(bytes),
    notCached(image, reason, error) {
      metrics().notCached.inc({ reason })
      log.warn({ image, reason, ...(error === undefined ? {} : { error }) }, 'not cached')
    },
    verified(image, { outcome, ms, detail }) {
      metrics().verifications.inc({ outcome })
      const level = outcome === 'intact' ? 'info' : 'warn'
      log[level]({ image, outcome, ms, ...(detail === undefined ? {} : { detail }) }, 'verified')
    },
    evicted(image, cause, size) {
      metrics().evictions.inc({ cause })
      log.info({ image, cause, size }, 'evicted')
    },
    prefetched(image, { outcome, ...why }) {
      metrics().prefetches.inc({ outcome })
      const level = outcome === 'failed' || outcome === 'postponed' ? 'warn' : 'info'
      log[level]({ image, outcome, ...why }, 'prefetch')
    },
    fault(what, image, error) {
      metrics().faults.inc({ what })
      log.error({ what, ...(image === undefined ? {} : { image }), error }, 'fault worked around')
    },
  }
}
