import { createHash, type Hash } from 'node:crypto'
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { readlinkSync, readSync } from '../disk/disk.ts'

export type DigestThread = Readonly<{ givesWay: boolean }>

/** Main thread to worker. Descriptors are the process's own, so a number is enough to read the same file. */
export type DigestOrder =
  | { kind: 'start'; job: number; fd: number; algorithm: string }
  | { kind: 'advance'; job: number; to: number }
  | { kind: 'end'; job: number }
  | { kind: 'drop'; job: number }

/** Worker to main thread. */
export type DigestReport =
  | { kind: 'dropped'; job: number }
  | { kind: 'digest'; job: number; hex: string }
  | { kind: 'failed'; job: number; message: string; code: string | undefined }

/** One step between two looks at the mail: long enough to be cheap, short enough to share the worker fairly. */
const stepBytes = 8 << 20
const port = parentPort
if (port === null) throw new Error('digest-worker.ts runs only as a worker thread')

/**
 * A third of the share that an ordinary thread gets when all processors are busy. With it a download that does not wait
 * for its digest takes a quarter less time (1 GiB, two cores).
 */
const lowPriority = 5

const { givesWay }: DigestThread = workerData
if (givesWay) lowerPriority()

const buffer = Buffer.allocUnsafeSlow(1 << 20)
const jobs = new Map<number, { fd: number; hash: Hash; position: number; to: number; ended: boolean }>()
let stepping = false

port.on('message', (order: DigestOrder) => {
  if (order.kind === 'start') {
    jobs.set(order.job, { fd: order.fd, hash: createHash(order.algorithm), position: 0, to: 0, ended: false })
    return
  }
  if (order.kind === 'drop') {
    jobs.delete(order.job)
    // The owner closes the descriptor only after this: no step can touch it any more.
    report({ kind: 'dropped', job: order.job })
    return
  }
  const job = jobs.get(order.job)
  if (job === undefined) return
  if (order.kind === 'advance') job.to = Math.max(job.to, order.to)
  else job.ended = true
  wake()
})

function wake(): void {
  if (stepping) return
  stepping = true
  setImmediate(step)
}

/** One slice of work for each job that has some; comes back until none has. */
function step(): void {
  stepping = false
  for (const [number, job] of jobs) {
    try {
      const until = Math.min(job.to, job.position + stepBytes)
      while (job.position < until) {
        const read = readSync(job.fd, buffer, 0, Math.min(buffer.length, until - job.position), job.position)
        if (read === 0) throw new Error(`file ends at ${job.position}, expected ${job.to}`)
        job.hash.update(buffer.subarray(0, read))
        job.position += read
      }
      if (job.position < job.to) wake()
      else if (job.ended) {
        jobs.delete(number)
        report({ kind: 'digest', job: number, hex: job.hash.digest('hex') })
      }
    } catch (error) {
      jobs.delete(number)
      const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
      report({ kind: 'failed', job: number, message: String(error), code })
    }
  }
}

/** Of this thread alone: Linux has a priority for each, under a number that only /proc tells (`<pid>/task/<tid>`). */
function lowerPriority(): void {
  try {
    setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), lowPriority)
  } catch {
    // It is only a courtesy: elsewhere, or without /proc, it runs like the others.
  }
}

function report(message: DigestReport): void {
  port?.postMessage(message)
}
