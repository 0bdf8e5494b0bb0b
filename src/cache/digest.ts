import { Worker } from 'node:worker_threads'
import type { DigestOrder, DigestReport, DigestThread } from './digest-worker.ts'

/** The digest of a growing file, computed off the request path by reading the file behind its writer. */
export interface DigestJob {
  /** Bytes below `position` are in the file now and may be read. */
  advance(position: number): void
  /** The digest in hex of everything below the last `advance`. Rejects when the file cannot be read or the job was dropped. */
  end(): Promise<string>
  /** Stops; resolves when the descriptor is not touched any more and may be closed. Harmless after the end. */
  drop(): Promise<void>
}

export interface Digests extends AsyncDisposable {
  /** `fd` must stay open until `end` has settled or `drop` has resolved. `algorithm` is one of Node's names. */
  start(fd: number, algorithm: string): DigestJob
}

type Pending = {
  worker: Worker
  resolve: (hex: string) => void
  reject: (error: Error) => void
  dropped: (() => void) | undefined
  settled: boolean
  result: Promise<string>
}

/** A digest makes hardly any garbage: without this its thread reserves as much memory for it as the main one. */
const smallHeap = { maxYoungGenerationSizeMb: 2 }

export type DigestOptions = Readonly<{
  /** False: no client waits for what they find out, so they let those go first who serve (default: true). */
  isAwaited?: boolean
}>

/** A few worker threads, started when first needed and shared by all fills: `size` is the most that run. */
export function openDigests(size: number, { isAwaited = true }: DigestOptions = {}): Digests {
  const workers = new Map<Worker, number>()
  const jobs = new Map<number, Pending>()
  let lastJob = 0
  let closed = false

  function settle(number: number, finish: (job: Pending) => void): void {
    const job = jobs.get(number)
    if (job === undefined || job.settled) return
    job.settled = true
    // One that has died is not among them any more, and must not come back.
    const load = workers.get(job.worker)
    if (load !== undefined) workers.set(job.worker, load - 1)
    finish(job)
    if (job.dropped === undefined) jobs.delete(number)
  }

  function startWorker(): Worker {
    const source = import.meta.url.endsWith('.ts') ? './digest-worker.ts' : './digest-worker.js'
    const settings: DigestThread = { givesWay: !isAwaited }
    const worker = new Worker(new URL(source, import.meta.url), {
      resourceLimits: smallHeap,
      name: 'digest',
      workerData: settings,
    })
    worker.unref()
    workers.set(worker, 0)
    worker.on('message', (report: DigestReport) => {
      if (report.kind === 'digest') settle(report.job, (job) => job.resolve(report.hex))
      else if (report.kind === 'failed') {
        settle(report.job, (job) => job.reject(Object.assign(new Error(report.message), { code: report.code })))
      } else {
        jobs.get(report.job)?.dropped?.()
        jobs.delete(report.job)
      }
    })
    // A worker that dies takes its jobs with it; the next job starts another.
    const died = (error: Error) => {
      workers.delete(worker)
      for (const [number, job] of jobs) {
        if (job.worker !== worker) continue
        job.dropped?.()
        settle(number, (pending) => pending.reject(error))
        jobs.delete(number)
      }
    }
    worker.on('error', died)
    worker.on('exit', (code) => died(new Error(`digest worker ended with code ${code}`)))
    return worker
  }

  function leastBusy(): Worker {
    let best: Worker | undefined
    for (const [worker, load] of workers) if (best === undefined || load < (workers.get(best) ?? 0)) best = worker
    if (best === undefined || ((workers.get(best) ?? 0) > 0 && workers.size < size)) return startWorker()
    return best
  }

  return {
    start(fd, algorithm) {
      // A thread that nobody ends any more would keep the process alive.
      if (closed) throw new Error('the digests are closed')
      const worker = leastBusy()
      workers.set(worker, (workers.get(worker) ?? 0) + 1)
      const number = ++lastJob
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      // Dropping a job whose end nobody awaits is no unhandled rejection.
      promise.catch(() => {})
      jobs.set(number, { worker, resolve, reject, dropped: undefined, settled: false, result: promise })
      const order = (message: DigestOrder) => worker.postMessage(message)
      order({ kind: 'start', job: number, fd, algorithm })
      return {
        advance: (position) => order({ kind: 'advance', job: number, to: position }),
        end() {
          order({ kind: 'end', job: number })
          return promise
        },
        drop() {
          const job = jobs.get(number)
          if (job === undefined || job.settled) return Promise.resolve()
          return new Promise((done) => {
            job.dropped = done
            settle(number, (pending) => pending.reject(new Error('digest dropped')))
            order({ kind: 'drop', job: number })
          })
        },
      }
    },
    async [Symbol.asyncDispose]() {
      closed = true
      await Promise.all([...workers.keys()].map((worker) => worker.terminate()))
    },
  }
}
