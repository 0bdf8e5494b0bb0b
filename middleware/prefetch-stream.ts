import { once } from 'node:events'
import type { ManagementRequest } from '../src/http/endpoints.ts'
import type { Prefetcher } from '../src/management/prefetcher.ts'
import { cutOff } from '../src/origin/upstream/cut-off.ts'

/**
 * Fetches what is queued and tells how it goes, a JSON object on each line, the summary last. A client that leaves
 * before gives up what it alone wanted: it stays queued. An answer without the summary has broken off.
 */
export async function prefetchStream(
  { outgoing }: ManagementRequest,
  { prefetcher, onFault }: Readonly<{ prefetcher: Pick<Prefetcher, 'runQueued'>; onFault(error: unknown): void }>,
): Promise<void> {
  const left = new AbortController()
  outgoing.once('close', () => left.abort())
  outgoing.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
  outgoing.flushHeaders()
  try {
    for await (const event of prefetcher.runQueued(left.signal)) {
      if (!outgoing.write(`${JSON.stringify(event)}\n`)) await once(outgoing, 'drain', { signal: left.signal })
    }
    outgoing.end()
  } catch (error) {
    if (left.signal.aborted) return
    onFault(error)
    cutOff(outgoing)
  }
}
