/** Who has served for this long has not died of how it was started (ms). */
const soundMs = 60_000
const firstPauseMs = 500
const longestPauseMs = 30_000

/**
 * How long to wait before a worker that has died is replaced (ms): not at all for the first time, then longer each time,
 * so that what kills every worker does not keep the machine busy.
 */
export class Respawn {
  #deaths = 0

  pauseMs(servedMs: number): number {
    if (servedMs >= soundMs) this.#deaths = 0
    this.#deaths++
    return this.#deaths === 1 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#deaths - 2))
  }
}
