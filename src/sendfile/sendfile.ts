import { closeSync, writeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import {
  createProgress,
  type Done,
  monotonicMs,
  type Order,
  type Progress,
  type Stretch,
  type ThreadData,
} from './shared.ts'

type Libc = typeof import('./libc.ts')

/** Where the kernel has got to with one stretch of a file. */
export type SentByKernel = Readonly<{
  /** All bytes of the file before it have been given to the socket. */
  position: number
  /**
   * Why it did not reach the end: `file` (it cannot be sent from, or is shorter), `connection` (it is gone),
   * `unknown` (more than `position` may have been sent: the connection is of no use). undefined: it did, or was cancelled.
   */
  fault?: 'file' | 'connection' | 'unknown'
}>

export interface KernelSending {
  /** Never rejects. The descriptor of the file must stay open until it resolves. */
  readonly done: Promise<SentByKernel>
  /** So far. */
  readonly position: number
  /** For how long the client has taken nothing (ms). */
  readonly idleMs: number
  /** Stops as soon as it can: `done` says where. */
  cancel(): void
}

/** Sends files to sockets by the kernel's own sendfile, in threads: no byte of them passes through this process. */
export interface Sendfile extends AsyncDisposable {
  /**
   * Sends a stretch of a file. Nothing else may be written to the socket before `done`, and what was written
   * before must have been taken by the kernel. undefined when it cannot be done: not a socket of the kernel's (TLS), too
   * many at once, closed.
   */
  send(socket: Socket, stretch: Stretch): KernelSending | undefined
  /**
   * Sends a head and bytes [position, end) of a file at once, on the calling thread, as far as the socket has room: gives how
   * many bytes went, the head's first. For what is known to be in the page cache: anything else would make every client
   * wait for the disk.
   */
  sendNow(socket: Socket, head: Uint8Array, fd: number, position: number, end: number): number
}

/** Clients of one thread; those beyond are served the slower way. */
const slotsPerThread = 4096

/** undefined where the system has no such call. */
export async function openSendfile(threads = Math.min(availableParallelism(), 4)): Promise<Sendfile | undefined> {
  if (process.platform !== 'linux') return undefined
  const libc = await import('./libc.ts').catch(() => undefined)
  return libc === undefined ? undefined : new SendingThreads(libc, threads)
}

class SendingThreads implements Sendfile {
  readonly #libc: Libc
  readonly #most: number
  #threads: SendingThread[] = []
  readonly #offset = new Uint32Array(2)
  #isClosed = false

  constructor(libc: Libc, most: number) {
    this.#libc = libc
    this.#most = most
  }

  send(socket: Socket, stretch: Stretch): KernelSending | undefined {
    const number = descriptorOf(socket)
    if (this.#isClosed || number === undefined) return undefined
    return this.#idlest()?.send(number, stretch)
  }

  sendNow(socket: Socket, head: Uint8Array, fd: number, position: number, end: number): number {
    const number = descriptorOf(socket)
    if (number === undefined) return 0
    const { sendAhead, sendfile } = this.#libc
    const ahead = Math.max(0, sendAhead(number, head))
    if (ahead < head.length) return ahead
    this.#offset[0] = position % 2 ** 32
    this.#offset[1] = Math.floor(position / 2 ** 32)
    return ahead + Math.max(0, sendfile(number, fd, this.#offset, end - position))
  }

  /** Another thread is started while all that there are have work. */
  #idlest(): SendingThread | undefined {
    // One that has died may be replaced.
    this.#threads = this.#threads.filter((thread) => !thread.hasDied)
    const [first, ...others] = this.#threads
    const idlest = others.reduce<SendingThread | undefined>(
      (a, b) => (a !== undefined && a.load <= b.load ? a : b),
      first,
    )
    if ((idlest !== undefined && idlest.load === 0) || this.#threads.length >= this.#most) return idlest
    try {
      const another = new SendingThread(this.#libc)
      this.#threads.push(another)
      return another
    } catch {
      // The system has no more threads for us (ERR_WORKER_INIT_FAILED): those that run must do.
      return idlest
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#threads.map((thread) => thread.end()))
  }
}

type Job = { readonly socket: number; resolve(sent: SentByKernel): void }

class SendingThread {
  readonly #libc: Libc
  readonly #event: number
  readonly #port: MessagePort
  readonly #exited: Promise<void>
  readonly #progress: Progress = createProgress(slotsPerThread)
  readonly #jobs = new Map<number, Job>()
  readonly #free = Array.from({ length: slotsPerThread }, (_, index) => slotsPerThread - 1 - index)
  readonly #wake = new BigUint64Array([1n])
  hasDied = false
  /** It has run. Before, it has sent nothing. */
  #hasRun = false

  constructor(libc: Libc) {
    this.#libc = libc
    this.#event = libc.createEvent()
    if (this.#event < 0) throw new Error('the system has no more descriptors for us')
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    const worker = this.#startWorker({ port: port2, event: this.#event, progress: this.#progress })
    // It blocks in the kernel, where nothing but this wakes it: a process that ends would wait for it.
    const endAtOnce = () => this.#order({ kind: 'end' })
    process.once('exit', endAtOnce)
    this.#exited = new Promise((resolve) => {
      // After 'error', too: it cannot be started, or has run out of memory.
      worker
        .on('error', () => {})
        .once('online', () => {
          this.#hasRun = true
        })
        .once('exit', () => {
          process.off('exit', endAtOnce)
          this.#buryJobs()
          closeSync(this.#event)
          resolve()
        })
    })
    worker.unref()
    this.#port.on('message', this.#onDone).unref()
  }

  get load(): number {
    return this.#jobs.size
  }

  #startWorker(data: ThreadData): Worker {
    // Its own suffix: the sources run as .ts, the built package as .js.
    const program = new URL(`./sendfile-worker${extname(import.meta.url)}`, import.meta.url)
    try {
      return new Worker(program, {
        name: 'sendfile',
        workerData: data,
        transferList: [data.port],
        resourceLimits: { maxYoungGenerationSizeMb: 2 },
        // It closes descriptors that system calls have opened: Node would warn of each.
        trackUnmanagedFds: false,
      })
    } catch (error) {
      closeSync(this.#event)
      this.#port.close()
      throw error
    }
  }

  send(original: number, stretch: Stretch): KernelSending | undefined {
    const { position } = stretch
    const slot = this.#free.pop()
    if (slot === undefined) return undefined
    // Of our own: the number of a socket that Node closes meanwhile may be given to another client's.
    const socket = this.#libc.duplicate(original)
    if (socket < 0) {
      this.#free.push(slot)
      return undefined
    }
    const progress = this.#progress
    progress[slot * 2] = position
    progress[slot * 2 + 1] = monotonicMs()
    let ended: number | undefined
    const done = new Promise<SentByKernel>((resolve) => {
      this.#jobs.set(slot, {
        socket,
        resolve: (sent) => {
          ended = sent.position
          resolve(sent)
        },
      })
    })
    this.#port.ref()
    this.#order({ kind: 'send', slot, socket, ...stretch })
    return {
      done,
      // The slot may be another's afterwards.
      get position() {
        return ended ?? progress[slot * 2] ?? position
      },
      get idleMs() {
        return ended === undefined ? monotonicMs() - (progress[slot * 2 + 1] ?? 0) : 0
      },
      cancel: () => {
        if (ended === undefined) this.#order({ kind: 'cancel', slot })
      },
    }
  }

  async end(): Promise<void> {
    for (const slot of this.#jobs.keys()) this.#order({ kind: 'cancel', slot })
    this.#order({ kind: 'end' })
    await this.#exited
  }

  #order(order: Order): void {
    if (this.hasDied) return
    this.#port.postMessage(order)
    writeSync(this.#event, this.#wake)
  }

  readonly #onDone = ({ slot, position, errno }: Done): void => {
    this.#settle(slot, errno === 0 ? { position } : { position, fault: isOfConnection(errno) ? 'connection' : 'file' })
    this.#free.push(slot)
  }

  #settle(slot: number, sent: SentByKernel): void {
    const job = this.#jobs.get(slot)
    if (job === undefined) return
    this.#jobs.delete(slot)
    closeSync(job.socket)
    if (this.#jobs.size === 0) this.#port.unref()
    job.resolve(sent)
  }

  #buryJobs(): void {
    this.hasDied = true
    // What it said last may not have been heard yet.
    for (let last = receiveMessageOnPort(this.#port); last !== undefined; last = receiveMessageOnPort(this.#port)) {
      this.#onDone(last.message)
    }
    for (const slot of [...this.#jobs.keys()]) {
      this.#settle(slot, { position: this.#progress[slot * 2] ?? 0, fault: this.#hasRun ? 'unknown' : 'file' })
    }
    this.#port.close()
  }
}

/** EPIPE, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENOTCONN, ENETUNREACH, ECONNABORTED. */
const isOfConnection = (errno: number): boolean => [32, 104, 110, 113, 107, 101, 103].includes(errno)

/** Node gives it no public name. -1 when it is closed; undefined for what is not a socket of the kernel's own. */
function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle')
  if (typeof handle !== 'object' || handle === null || Reflect.get(socket, 'encrypted') === true) return undefined
  const fd: unknown = Reflect.get(handle, 'fd')
  return typeof fd === 'number' && fd >= 0 ? fd : undefined
}
