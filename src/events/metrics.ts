import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

/** What a download came from, as far as its client is concerned. */
export type Result = 'hit' | 'miss' | 'joined' | 'pass'

/** Whose word an authorization was. */
export type AuthorizationAnswer = 'granted' | '401' | '403' | '404' | 'other' | 'unavailable'

/**
 * Prometheus metrics of one process. Names are part of the interface: dashboards and alerts rely on them. `worker` is its
 * number where there are several: then it is a label, since a sum of counters would fall when one of them begins anew.
 */
export function createMetrics(
  read: Readonly<{ totals(): Promise<{ count: number; size: number }>; fills(): number; queued(): Promise<number> }>,
  worker?: number,
) {
  const registry = new Registry()
  if (worker !== undefined) registry.setDefaultLabels({ worker: String(worker) })
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers })

  new Gauge({
    name: 'afterimage_fills_in_progress',
    help: 'Images that are being downloaded from the upstream now',
    registers,
    collect() {
      this.set(read.fills())
    },
  })
  // Of the cache directory, which all workers share: these are no sums.
  const directory = new Registry()
  const shared = { registers: [directory] }
  const images = new Gauge({ name: 'afterimage_cached_images', help: 'Images in the cache', ...shared })
  const bytes = new Gauge({ name: 'afterimage_cached_bytes', help: 'Bytes of images in the cache', ...shared })
  const queued = new Gauge({ name: 'afterimage_queued_images', help: 'Images that wait to be prefetched', ...shared })

  return {
    downloads: counter('afterimage_downloads_total', 'Downloads answered, by where the bytes came from', ['result']),
    sent: counter('afterimage_sent_bytes_total', 'Image bytes sent to clients', ['source']),
    received: counter('afterimage_received_bytes_total', 'Image bytes received from the upstream by fills', []),
    fills: counter('afterimage_fills_total', 'Fills that ended', ['outcome']),
    resumes: counter('afterimage_fill_resumes_total', 'Times that a fill went on after the upstream broke', []),
    notCached: counter('afterimage_not_cached_total', 'Downloads passed through without being cached', ['reason']),
    verifications: counter('afterimage_verifications_total', 'Cached images that were proven again', ['outcome']),
    evictions: counter('afterimage_evictions_total', 'Images that left the cache', ['cause']),
    authorizations: counter('afterimage_authorizations_total', "The upstream's answers to who may read", ['answer']),
    prefetches: counter('afterimage_prefetches_total', 'Attempts to prefetch queued images that ended', ['outcome']),
    faults: counter('afterimage_faults_total', 'Failures of our own that were worked around', ['what']),
    contentType: registry.contentType,
    /** What this process has counted, for the one that renders it. */
    collect: () => registry.getMetricsAsJSON(),
    /** The exposition text, with what other workers have collected; the directory's totals are asked only here. */
    async render(collected: readonly unknown[] = []): Promise<string> {
      const totals = await read.totals()
      queued.set(await read.queued())
      images.set(totals.count)
      bytes.set(totals.size)
      const whole = collected.length === 0 ? registry : await withOthers(registry, collected)
      return `${await whole.metrics()}\n${await directory.metrics()}`
    },
  }
}

export type Metrics = ReturnType<typeof createMetrics>

/** Each series has the label `worker`, so none of them is added to another's. */
async function withOthers(registry: Registry, collected: readonly unknown[]): Promise<Pick<Registry, 'metrics'>> {
  // The first list says how each metric is put together; prom-client would leave some out.
  const own = (await registry.getMetricsAsJSON()).map((metric) => ({ ...metric, aggregator: 'sum' as const }))
  return AggregatorRegistry.aggregate([own, ...collected.filter(Array.isArray)])
}
