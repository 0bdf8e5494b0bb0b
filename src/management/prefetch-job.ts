import type { Arriving } from '../cache/fetch.ts'
import type { Caller } from '../origin/origin.ts'
import type { PrefetchEvent } from './prefetch-events.ts'

/** How often those who listen hear of progress. */
const progressMs = 250

export type Listener = (event: PrefetchEvent) => void

/** One queued image that is being fetched, waits for its turn, or pauses after a failure. */
export class PrefetchJob {
  readonly id: string
  readonly queuedAt: number
  /** Whose token asked, for a cache without credentials of its own. Held here and nowhere else. */
  caller: Caller | undefined
  /** Goes before those that are not, and goes on when nobody listens any more. */
  immediate: boolean
  /** Goes on when nobody listens any more. */
  lasting: boolean
  /** Resolves when nothing of it is under way any more; never rejects. */
  done: Promise<void> = Promise.resolve()
  /** It is over, and cannot be joined any more. */
  ending = false
  readonly #abort = new AbortController()
  readonly #listeners = new Set<Listener>()
  #hurry: (() => void) | undefined
  #arriving: Arriving | undefined
  #ticking: NodeJS.Timeout | undefined
  #end: PrefetchEvent | undefined

  constructor(
    id: string,
    queuedAt: number,
    { immediate, lasting }: Readonly<{ immediate: boolean; lasting: boolean }>,
  ) {
    this.id = id
    this.queuedAt = queuedAt
    this.immediate = immediate
    this.lasting = lasting
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Whether a free place is for this one rather than for the other. */
  precedes(other: PrefetchJob): boolean {
    if (this.immediate !== other.immediate) return this.immediate
    return this.queuedAt === other.queuedAt ? this.id < other.id : this.queuedAt < other.queuedAt
  }

  /** Who comes late hears of what has begun, or of the end. */
  listen(listener: Listener): void {
    this.#listeners.add(listener)
    if (this.#end !== undefined) listener(this.#end)
    else if (this.#ticking !== undefined) listener(this.#event('started'))
  }

  leave(listener: Listener): void {
    this.#listeners.delete(listener)
    if (this.#listeners.size === 0 && !this.lasting) this.stop()
  }

  stop(): void {
    this.ending = true
    this.#abort.abort()
  }

  arriving(arriving: Arriving): void {
    this.#arriving = arriving
    for (const listener of this.#listeners) listener({ ...this.#event('started'), received: arriving.resumedAt })
    this.#ticking ??= setInterval(() => this.tell('progress'), progressMs).unref()
  }

  /** The attempt has ended. */
  attempted(): void {
    if (this.#arriving !== undefined) {
      const last = this.#arriving.received()
      // Lets go of the fill.
      this.#arriving = { ...this.#arriving, received: () => last }
    }
    clearInterval(this.#ticking)
    this.#ticking = undefined
  }

  tell(state: PrefetchEvent['state'], reason?: string): void {
    const event = this.#event(state, reason)
    if (state === 'cached' || state === 'failed') this.#end = event
    for (const listener of this.#listeners) listener(event)
  }

  /** Waits for so long, or until it is hurried; rejects when the job is stopped. */
  async pause(ms: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    const stopped = () => reject(this.signal.reason)
    this.signal.addEventListener('abort', stopped, { once: true })
    this.#hurry = resolve
    try {
      this.signal.throwIfAborted()
      await promise
    } finally {
      clearTimeout(timer)
      this.signal.removeEventListener('abort', stopped)
      this.#hurry = undefined
    }
  }

  /** Ends a pause: somebody asks for it anew. */
  hurry(): void {
    this.#hurry?.()
  }

  #event(state: PrefetchEvent['state'], reason?: string): PrefetchEvent {
    const { size, received } = this.#arriving ?? {}
    const bytes = state === 'cached' ? size : received?.()
    return { image: this.id, state, received: bytes ?? 0, size, reason }
  }
}
