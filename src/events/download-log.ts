import type { DownloadReport } from '../http/download-exchange.ts'
import type { Refusal } from '../origin/origin.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

/** One log line and the counters for each download. */
export function reportDownload(log: Log, metrics: Metrics, report: DownloadReport): void {
  const { result, bytes, bytesFromUpstream, outcome } = report
  metrics.downloads.inc({ result })
  metrics.sent.inc({ source: result === 'hit' ? 'cache' : 'fill' }, bytes)
  if (bytesFromUpstream > 0) metrics.sent.inc({ source: 'upstream' }, bytesFromUpstream)
  log[outcome === 'failed' ? 'error' : 'info'](report, 'download')
}

/** What the upstream said about who may read. */
export function countPermission(metrics: Metrics, answer: 'granted' | Refusal | Error): void {
  if (answer === 'granted') metrics.authorizations.inc({ answer })
  else if (answer instanceof Error) metrics.authorizations.inc({ answer: 'unavailable' })
  else {
    const { status } = answer
    const known = status === 401 || status === 403 || status === 404
    metrics.authorizations.inc({ answer: known ? (`${status}` as '401' | '403' | '404') : 'other' })
  }
}
