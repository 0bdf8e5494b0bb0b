import type { MessagePort } from 'node:worker_threads'

/** Bytes [position, end) of a file. */
export type Stretch = Readonly<{
  fd: number
  position: number
  end: number
  /** It has holes, and what it has has been on disk: they can be told from data. */
  isSparse: boolean
}>

/** What the main thread tells a sending thread. It is woken by `event` afterwards. */
export type Order =
  | (Readonly<{ kind: 'send'; slot: number; socket: number }> & Stretch)
  | Readonly<{ kind: 'cancel'; slot: number }>
  | Readonly<{ kind: 'end' }>

/** What a sending thread answers, once for each `send`; from then on it touches neither descriptor. */
export type Done = Readonly<{
  slot: number
  /** The file's bytes before it have been taken by the kernel. */
  position: number
  /** Why it stopped before the end: the system's number, positive; 0: it did not, or was cancelled; EOF: -1. */
  errno: number
}>

export type ThreadData = Readonly<{ port: MessagePort; event: number; progress: Progress }>

/** Where each slot is, for all threads to see: two numbers, the position and when it was reached (`monotonicMs`). */
export type Progress = Float64Array<SharedArrayBuffer>

export const createProgress = (slots: number): Progress =>
  new Float64Array(new SharedArrayBuffer(slots * 2 * Float64Array.BYTES_PER_ELEMENT))

/** The same clock in every thread, which performance.now() is not. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}
