import type { Pace } from './pace.ts'

/** One image that is being verified: whoever wants the same one meanwhile joins, and may change how it is done. */
export class VerifyJob {
  readonly #wake = new AbortController()
  readonly #end = new AbortController()
  readonly #halt = new AbortController()
  readonly #stopped = Promise.withResolvers<undefined>()
  readonly #closed = Promise.withResolvers<void>()
  readonly #pace: Pace | undefined
  #asked: boolean
  #stop: 'ending' | 'wanted' | undefined

  /** At this pace in the background; without one because an operator waits for it. */
  constructor(pace: Pace | undefined) {
    this.#pace = pace
    this.#asked = pace === undefined
  }

  /** An operator waits for the result: no pausing, and it is repaired whatever it is. */
  get asked(): boolean {
    return this.#asked
  }

  /** Why it is not gone on with. */
  get stop(): 'ending' | 'wanted' | undefined {
    return this.#stop
  }

  /** Resolves when it is not to be gone on with. */
  get stopped(): Promise<undefined> {
    return this.#stopped.promise
  }

  /** Aborted when it is not to be gone on with. */
  get signal(): AbortSignal {
    return this.#halt.signal
  }

  /** Aborted when the cache is ending: for a repair, which goes on when the file is held no more. */
  get ending(): AbortSignal {
    return this.#end.signal
  }

  hurry(): void {
    this.#asked = true
    this.#wake.abort()
  }

  end(): void {
    this.#end.abort()
    this.#haltFor('ending')
  }

  /** A client wants the image: resolves when its file is not held any more. */
  giveWay(): Promise<void> {
    this.#haltFor('wanted')
    return this.#closed.promise
  }

  closed(): void {
    this.#closed.resolve()
  }

  /** How much to read next of what is left; all of it when nobody minds. */
  step(left: number): number {
    return this.#asked || this.#pace === undefined ? left : Math.min(left, this.#pace.step)
  }

  async pause(bytes: number): Promise<void> {
    if (!this.#asked && this.#stop === undefined) await this.#pace?.take(bytes, this.#wake.signal)
  }

  #haltFor(why: 'ending' | 'wanted'): void {
    this.#stop ??= why
    this.#wake.abort()
    this.#halt.abort()
    this.#stopped.resolve(undefined)
  }
}
