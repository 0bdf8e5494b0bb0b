/** What of a terminal is needed: process.stdout is one. */
export type Terminal = Readonly<{ columns?: number; rows?: number }> & { write(text: string): unknown }

/** Lines at the foot of a terminal that are written again and again, below others that stay. */
export class LiveLines {
  readonly #terminal: Terminal
  #shown = 0

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /** Replaces the live lines; `staying` are left above them for good. */
  show(live: readonly string[], staying: readonly string[] = []): void {
    const { columns = 80, rows = 24 } = this.#terminal
    // What wraps or scrolls away could not be written over.
    const fitting = live.slice(0, Math.max(1, rows - 1)).map((line) => line.slice(0, Math.max(1, columns - 1)))
    const back = this.#shown > 0 ? `\u001b[${this.#shown}A\r` : ''
    const lines = [...staying, ...fitting].map((line) => `${line}\n`).join('')
    this.#terminal.write(`${back}\u001b[J${lines}`)
    this.#shown = fitting.length
  }
}
