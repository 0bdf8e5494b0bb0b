import { setTimeout as delay } from 'node:timers/promises'

/** At most so many bytes per second, over everything that takes from it; 0 is no bound. */
export class Pace {
  /** The most that should be taken at once, so that reading is spread evenly. */
  readonly step: number
  readonly #perMs: number
  /** When what was taken so far is used up, on the monotonic clock. */
  #usedUp = 0

  constructor(bytesPerSecond: number) {
    this.#perMs = bytesPerSecond / 1000
    this.step = bytesPerSecond === 0 ? most : Math.min(most, Math.max(least, Math.ceil(bytesPerSecond / 4)))
  }

  /** Resolves when these bytes may be read. At once when the signal is aborted: whoever aborts it looks after himself. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#perMs === 0) return
    const now = performance.now()
    const start = Math.max(now, this.#usedUp)
    this.#usedUp = start + bytes / this.#perMs
    // An aborted delay rejects with nothing but that.
    if (start > now) await delay(start - now, undefined, { signal, ref: false }).catch(() => {})
  }
}

const most = 4 << 20
const least = 64 << 10
