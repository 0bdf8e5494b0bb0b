import { Worker } from 'node:worker_threads'
import { DriverError } from './driver.ts'
import type { Call, Lifecycle, Operations, Outcome } from './thread-call.ts'

/** Its garbage is small and short-lived; V8's default would let 100 MB of it pile up before the first collection. */
const resourceLimits = { maxYoungGenerationSizeMb: 4 }

type Pending = Readonly<{ what: string; resolve(value: unknown): void; reject(error: DriverError): void }>

/**
 * A thread that does a driver's blocking work. Every call is answered: by the thread, or with a DriverError when the
 * thread has died or was closed, so that nobody waits for ever.
 */
export class DriverThread<O extends Operations & Lifecycle> implements AsyncDisposable {
  readonly #driver: string
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  readonly #ended = Promise.withResolvers<void>()
  #seq = 0
  #closing: Promise<void> | undefined
  /** Why there are no more answers, though nobody closed it. */
  #death: unknown
  #gone = false

  /** Starts the thread and opens it; rejects with what its `open` said, and then no thread is left. */
  static async start<O extends Operations & Lifecycle>(driver: string, body: URL, ...options: Parameters<O['open']>) {
    const thread = new DriverThread<O>(driver, body)
    try {
      await thread.ask('open', ...options)
      return thread
    } catch (error) {
      await thread.#worker.terminate()
      throw error
    }
  }

  private constructor(driver: string, body: URL) {
    this.#driver = driver
    this.#worker = new Worker(body, { name: `afterimage ${driver}`, resourceLimits })
    this.#worker.on('message', (outcomes: readonly Outcome[]) => {
      for (const outcome of outcomes) this.#settle(outcome)
    })
    this.#worker.on('error', (error: unknown) => {
      this.#gone = true
      this.#death = error
    })
    this.#worker.on('exit', () => {
      this.#gone = true
      if (this.#closing === undefined) this.#death ??= new Error('the thread was ended from outside')
      for (const pending of this.#pending.values()) pending.reject(this.#lost(pending.what))
      this.#pending.clear()
      this.#ended.resolve()
    })
  }

  /** Calls an operation in the thread. Calls begin in the order they were asked in. */
  ask<K extends keyof O & string>(operation: K, ...args: Parameters<O[K]>): Promise<Awaited<ReturnType<O[K]>>> {
    const what = typeof args[0] === 'string' ? `${operation} ${args[0]}` : operation
    // The thread runs this very operation on these arguments; only the type is lost on the way.
    return this.#post(operation, what, args) as Promise<Awaited<ReturnType<O[K]>>>
  }

  /** Lets the thread finish what it was asked, close what it opened, and end. Harmless again and after its death. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (!this.#gone) await this.#post('close', 'close', [])
    await this.#ended.promise
  }

  #post(operation: string, what: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#gone) return Promise.reject(this.#lost(what))
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const call: Call = { seq: ++this.#seq, operation, args }
    this.#pending.set(call.seq, { what, resolve, reject })
    this.#worker.postMessage(call)
    return promise
  }

  #settle(outcome: Outcome): void {
    const pending = this.#pending.get(outcome.seq)
    this.#pending.delete(outcome.seq)
    if ('failure' in outcome) {
      const { message, code } = outcome.failure
      const cause = Object.assign(new Error(message), { code })
      pending?.reject(new DriverError(this.#driver, `${pending.what}: ${message}`, { cause }))
    } else {
      pending?.resolve(outcome.value)
    }
  }

  #lost(what: string): DriverError {
    if (this.#death === undefined) return new DriverError(this.#driver, `${what}: has been closed`)
    return new DriverError(this.#driver, `${what}: its thread has died; restart the service`, { cause: this.#death })
  }
}
