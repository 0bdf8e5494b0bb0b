import type { Notice } from './place.ts'

/** How a worker is reached. */
export type Reach = Readonly<{ tell(call: number, notice: Notice): void }>

/** After this long the asker goes on without those who have not answered (ms). */
const longestMs = 1000

type Call = {
  readonly waiting: Set<Reach>
  readonly answers: unknown[]
  readonly timer: NodeJS.Timeout
  resolve(answers: readonly unknown[]): void
}

/** In the primary: passes a notice of one worker on to all others, and gathers what they answer. */
export class NoticeBoard {
  readonly #workers = new Set<Reach>()
  readonly #calls = new Map<number, Call>()
  #lastCall = 0

  join(worker: Reach): void {
    this.#workers.add(worker)
  }

  /** It has gone: nobody waits for it any more. */
  leave(worker: Reach): void {
    this.#workers.delete(worker)
    for (const call of this.#calls.keys()) this.#settle(call, worker)
  }

  /** Resolves when all others have answered, have gone, or a second is over. */
  ask(asker: Reach, notice: Notice): Promise<readonly unknown[]> {
    const others = [...this.#workers].filter((worker) => worker !== asker)
    if (others.length === 0) return Promise.resolve([])
    this.#lastCall++
    const call = this.#lastCall
    const { promise, resolve } = Promise.withResolvers<readonly unknown[]>()
    const timer = setTimeout(() => this.#end(call), longestMs)
    this.#calls.set(call, { waiting: new Set(others), answers: [], timer, resolve })
    for (const worker of others) worker.tell(call, notice)
    return promise
  }

  answer(worker: Reach, call: number, answer: unknown): void {
    if (this.#calls.get(call)?.waiting.has(worker) !== true) return
    this.#calls.get(call)?.answers.push(answer)
    this.#settle(call, worker)
  }

  #settle(call: number, worker: Reach): void {
    const waiting = this.#calls.get(call)?.waiting
    waiting?.delete(worker)
    if (waiting?.size === 0) this.#end(call)
  }

  #end(call: number): void {
    const ended = this.#calls.get(call)
    if (ended === undefined) return
    clearTimeout(ended.timer)
    this.#calls.delete(call)
    ended.resolve(ended.answers)
  }
}
