import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import pLimit from 'p-limit'
import type { ContentFacts } from './content-facts.ts'
import type { DigestOrder, DigestReport } from './digest-worker.ts'

/** Works out what can only be told by reading whole files, off the event loop. */
export interface Digester extends AsyncDisposable {
  /**
   * Facts of the file; undefined when it is not, or did not stay, the one of the order's stamp. Rejects with the
   * system's error, and with an AbortError once disposed.
   */
  digest(order: DigestOrder): Promise<ContentFacts | undefined>
}

/** At most `concurrency` files are read at once, each by a thread of its own; no thread is left when there is no work. */
export function openDigester(concurrency: number): Digester {
  const limit = pLimit(concurrency)
  const closing = new AbortController()
  const idle: Worker[] = []

  function startWorker(): Worker {
    const source = import.meta.url.endsWith('.ts') ? './digest-worker.ts' : './digest-worker.js'
    const worker = new Worker(new URL(source, import.meta.url))
    // Unfinished digests keep no process alive: they are worked out at the next start.
    worker.unref()
    return worker
  }

  async function run(order: DigestOrder): Promise<ContentFacts | undefined> {
    closing.signal.throwIfAborted()
    const worker = idle.pop() ?? startWorker()
    let answered = false
    try {
      const reported = once(worker, 'message', { signal: closing.signal })
      worker.postMessage(order)
      const report: DigestReport = (await reported)[0]
      answered = true
      if (report.kind === 'failed') throw Object.assign(new Error(report.message), { code: report.code })
      return report.kind === 'facts' ? report.facts : undefined
    } finally {
      // A worker that did not answer is never used again; one that is not needed now goes too, with its buffer.
      if (answered && limit.pendingCount > 0 && !closing.signal.aborted) idle.push(worker)
      else await worker.terminate()
    }
  }

  return {
    digest: (order) => limit(run, order),
    async [Symbol.asyncDispose]() {
      closing.abort()
      await Promise.all(idle.splice(0).map((worker) => worker.terminate()))
    },
  }
}
