import { setTimeout as delay } from 'node:timers/promises'
import type { Driver } from '../../drivers/driver.ts'

type Counted = { hits: number; at: number }

/** Between two writes (ms): so long a list may be behind. */
const pauseMs = 50

/**
 * Counts hits in the driver: at once while there are few, and what comes within a moment together after it. Ten thousand
 * hits a second cost it as much as twenty.
 */
export class HitCounts {
  readonly #driver: Pick<Driver, 'touch'>
  readonly #onFault: (id: string, error: unknown) => void
  #counted = new Map<string, Counted>()
  #writing: Promise<void> | undefined
  #hurry = new AbortController()

  constructor(driver: Pick<Driver, 'touch'>, onFault: (id: string, error: unknown) => void) {
    this.#driver = driver
    this.#onFault = onFault
  }

  count(id: string): void {
    const counted = this.#counted.get(id)
    if (counted === undefined) this.#counted.set(id, { hits: 1, at: Date.now() })
    else {
      counted.hits++
      counted.at = Date.now()
    }
    this.#writing ??= this.#write()
  }

  /** Resolves when all that was counted is in the driver. Never rejects. */
  async written(): Promise<void> {
    this.#hurry.abort()
    await this.#writing
  }

  async #write(): Promise<void> {
    while (this.#counted.size > 0) {
      const counted = this.#counted
      this.#counted = new Map()
      await Promise.all(
        Array.from(counted, ([id, { hits, at }]) =>
          this.#driver.touch(id, at, hits).catch((error: unknown) => this.#onFault(id, error)),
        ),
      )
      await delay(pauseMs, undefined, { ref: false, signal: this.#hurry.signal }).catch(() => undefined)
    }
    this.#writing = undefined
    this.#hurry = new AbortController()
  }
}
