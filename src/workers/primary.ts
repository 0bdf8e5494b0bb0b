import cluster, { type Worker } from 'node:cluster'
import type { LoadedConfig } from '../config/load-config.ts'
import { type Log, openLog } from '../events/log.ts'
import { readToPrimary, type ToWorker } from './messages.ts'
import { NoticeBoard, type Reach } from './notice-board.ts'
import { Respawn } from './respawn.ts'

/** Number 1 manages the cache. It keeps its number, and with it the role, when it is replaced. */
const leader = 1

type Slot = {
  readonly number: number
  readonly respawn: Respawn
  worker: Worker | undefined
  /** By performance.now(), since when this worker serves; undefined before. */
  servesSince: number | undefined
  failure: string | undefined
}

/**
 * The primary of a server of several workers: forks them, replaces those that die, and passes on what they have to tell
 * each other. It opens neither the cache nor its metadata, and serves nobody. The first leader is ready, or has failed
 * for all, before any other worker is started.
 */
export class Primary {
  readonly #loaded: LoadedConfig
  readonly #log: Log
  readonly #board = new NoticeBoard()
  readonly #slots: readonly Slot[]
  readonly #ended = Promise.withResolvers<number>()
  readonly #replacing = new Set<NodeJS.Timeout>()
  #facts: Readonly<Record<string, unknown>> = {}
  /** The first leader has served: what keeps a worker from serving now is no matter of all of them. */
  #hasLed = false
  #isReady = false
  #isEnding = false
  #code = 0

  constructor(loaded: LoadedConfig) {
    this.#loaded = loaded
    this.#log = openLog(loaded.config.default.logLevel)
    this.#slots = Array.from({ length: loaded.config.default.workers }, (_, index) => ({
      number: index + 1,
      respawn: new Respawn(),
      worker: undefined,
      servesSince: undefined,
      failure: undefined,
    }))
  }

  /** Resolves with the exit code when all have ended; rejects when the first one cannot serve. */
  run(): Promise<number> {
    for (const warning of this.#loaded.warnings) this.#log.warn(warning)
    for (const slot of this.#slots) if (slot.number === leader) this.#fork(slot)
    return this.#ended.promise
  }

  /** Ends all workers gracefully. A second time it means it: no more grace. */
  end(): void {
    if (this.#isEnding) {
      for (const { worker } of this.#slots) worker?.process.kill('SIGKILL')
      process.exit(1)
    }
    this.#isEnding = true
    for (const timer of this.#replacing) clearTimeout(timer)
    for (const { worker } of this.#slots) if (worker !== undefined) send(worker, { kind: 'end' })
    this.#endIfAlone()
  }

  #fork(slot: Slot): void {
    const worker = cluster.fork()
    slot.worker = worker
    slot.servesSince = undefined
    slot.failure = undefined
    const reach: Reach = { tell: (call, notice) => send(worker, { kind: 'asked', call, notice }) }
    worker.on('message', (message: unknown) => this.#onMessage(slot, worker, reach, message))
    worker.on('error', (error) => {
      this.#log.error({ worker: slot.number, error }, 'a worker cannot be started or reached')
      // No process came about: there is no exit of it either.
      if (worker.process.pid === undefined) this.#onExit(slot, 'not started')
    })
    worker.once('exit', (code: number | null, signal: string | null) => {
      this.#board.leave(reach)
      this.#onExit(slot, signal ?? code ?? 0)
    })
  }

  #onMessage(slot: Slot, worker: Worker, reach: Reach, message: unknown): void {
    const said = readToPrimary(message)
    switch (said?.kind) {
      case 'hello': {
        const { config, isDefault } = this.#loaded
        const defaults = isDefault('origin', 'path') ? ['origin.path'] : []
        const begin = { number: slot.number, count: this.#slots.length, config, defaults }
        this.#board.join(reach)
        send(worker, { kind: 'begin', begin })
        if (this.#isEnding) send(worker, { kind: 'end' })
        break
      }
      case 'ready':
        slot.servesSince = performance.now()
        this.#onReady(slot, said.facts)
        break
      case 'failed':
        slot.failure = said.message
        break
      case 'ask': {
        const { call } = said
        void this.#board.ask(reach, said.notice).then((answers) => send(worker, { kind: 'answers', call, answers }))
        break
      }
      case 'answer':
        this.#board.answer(reach, said.call, said.answer)
    }
  }

  #onReady(slot: Slot, facts: Readonly<Record<string, unknown>>): void {
    if (this.#isEnding) return
    if (this.#isReady) this.#log.info({ worker: slot.number, ...facts }, 'worker is ready')
    if (slot.number === leader && !this.#hasLed) {
      this.#hasLed = true
      this.#facts = facts
      for (const other of this.#slots) if (other !== slot) this.#fork(other)
    }
    if (this.#isReady || !this.#slots.every(({ servesSince }) => servesSince !== undefined)) return
    this.#isReady = true
    this.#log.info({ ...this.#facts, workers: this.#slots.length }, 'afterimage is ready')
  }

  #onExit(slot: Slot, by: number | string): void {
    slot.worker = undefined
    if (this.#isEnding) {
      // Whoever got the same signal before it could take it is as good as ended.
      if (by !== 0 && by !== 'SIGTERM' && by !== 'SIGINT') this.#code = 1
      this.#endIfAlone()
      return
    }
    const { servesSince, failure } = slot
    slot.servesSince = undefined
    if (slot.number === leader && !this.#hasLed) {
      // What it says of an address in use, or of the cache directory, holds for every one of them.
      this.#ended.reject(new Error(failure ?? `the first worker ended before it was ready (${by})`))
      return
    }
    const pauseMs = slot.respawn.pauseMs(servesSince === undefined ? 0 : performance.now() - servesSince)
    const reason = failure === undefined ? {} : { failure }
    this.#log.error({ worker: slot.number, by, pauseMs, ...reason }, 'a worker has ended; another one takes its place')
    const timer = setTimeout(() => {
      this.#replacing.delete(timer)
      this.#fork(slot)
    }, pauseMs)
    this.#replacing.add(timer)
  }

  #endIfAlone(): void {
    if (this.#slots.every(({ worker }) => worker === undefined)) this.#ended.resolve(this.#code)
  }
}

/** A worker that has just gone is told nothing: its exit follows. */
function send(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message, () => undefined)
}
