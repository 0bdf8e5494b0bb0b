/** What of a terminal is needed: process.stdout is one. */
export type Terminal = Readonly<{ columns?: number; rows?: number }> & { write(text: string): unknown }

/** Lines at the foot of a terminal that are written again and again, below others that stay. */
export class LiveLines {
  readonly #terminal: Terminal
  #shown = 0

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /** Columns that a line may take. A terminal that does not know its size says 0. */
  get width(): number {
    return Math.max(1, (this.#terminal.columns || 80) - 1)
  }

  /** Replaces the live lines; `staying` are left above them for good. */
  show(live: readonly string[], staying: readonly string[] = []): void {
    const { rows } = this.#terminal
    // What wraps or scrolls away could not be written over.
    const fitting = live.slice(0, Math.max(1, (rows || 24) - 1)).map((line) => line.slice(0, this.width))
    const back = this.#shown > 0 ? `\u001b[${this.#shown}A\r` : ''
    const lines = [...staying, ...fitting].map((line) => `${line}\n`).join('')
    this.#terminal.write(`${back}\u001b[J${lines}`)
    this.#shown = fitting.length
  }
}
