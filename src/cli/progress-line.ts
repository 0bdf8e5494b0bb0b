import { bytes, duration } from './quantities.ts'

/** Speed is taken over this time (ms): long enough to be steady, short enough to follow the network. */
const windowMs = 5000
const widestBar = 20
const narrowestBar = 5

/** How one transfer goes, from what was seen of it. Times are milliseconds of any one clock. */
export class Progress {
  readonly size: number | undefined
  readonly #began: Readonly<{ at: number; received: number }>
  #seen: { at: number; received: number }[]

  constructor(size: number | undefined, received: number, at: number) {
    this.size = size
    this.#began = { at, received }
    this.#seen = [this.#began]
  }

  saw(received: number, at: number): void {
    this.#seen.push({ at, received })
    while (this.#seen.length > 2 && at - (this.#seen[0]?.at ?? at) > windowMs) this.#seen.shift()
  }

  /** `52% [##########----------] 1.0 GiB of 2.0 GiB  120.0 MiB/s  9s left`, or what of it has room in so many columns. */
  line(columns: number): string {
    const { received } = this.#last()
    const { size } = this
    const rate = this.#rate(this.#seen[0] ?? this.#began)
    const speed = rate > 0 ? `  ${bytes(rate)}/s` : ''
    if (size === undefined || size === 0) return `${bytes(received)}${speed}`
    const share = Math.min(1, received / size)
    const percent = `${Math.floor(share * 100)}%`.padStart(4)
    const left = rate > 0 ? `  ${duration((size - received) / rate)} left` : ''
    let room = columns - percent.length - speed.length - left.length - 3
    let amount = ` ${bytes(received)} of ${bytes(size)}`
    if (room < amount.length + widestBar) amount = ''
    room -= amount.length
    return `${percent}${bar(share, Math.min(room, widestBar))}${amount}${speed}${left}`
  }

  /** `2.0 GiB in 17s, 120.0 MiB/s`, for one that came to its end at `at`. */
  total(received: number, at: number): string {
    const seconds = (at - this.#began.at) / 1000
    const rate = seconds > 0 ? (received - this.#began.received) / seconds : 0
    return `${bytes(received)} in ${seconds < 10 ? `${seconds.toFixed(1)}s` : duration(seconds)}${rate > 0 ? `, ${bytes(rate)}/s` : ''}`
  }

  #last(): { at: number; received: number } {
    return this.#seen.at(-1) ?? this.#began
  }

  /** Bytes per second since then. */
  #rate(from: Readonly<{ at: number; received: number }>): number {
    const last = this.#last()
    const seconds = (last.at - from.at) / 1000
    return seconds > 0 ? (last.received - from.received) / seconds : 0
  }
}

function bar(share: number, width: number): string {
  if (width < narrowestBar) return ''
  const filled = Math.floor(share * width)
  return ` [${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`
}
