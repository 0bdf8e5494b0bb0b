import { pino } from 'pino'

/** What pino hands its lines to. */
export interface LineWriter {
  write(line: string): void
}

/** How long a line may wait for others (ms). */
const pauseMs = 100
/** Written in one go at most (bytes): a pipe keeps that much together, when other workers write to it as well. */
const mostBytes = 4096

/** pino's level of a warning. */
const warn = 40

/** Has pino say of which level a line is, as `lastLevel`. */
const wantsLevel: unique symbol = Symbol.for('pino.metadata')

const waiting = new Set<LineBatch>()

/**
 * Lines for a descriptor, in few system calls: one for each line made a small hit a quarter dearer. The
 * first line goes out at once, those of the next 100 ms together, and all of them as soon as one is a warning or worse.
 * None is lost when the process ends, or is ended by a signal or an uncaught error. (SIGKILL takes what is waiting.)
 */
export class LineBatch implements LineWriter {
  readonly [wantsLevel] = true
  lastLevel = 0
  readonly #to: LineWriter
  #lines = ''
  #bytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(fd: number) {
    // It knows how to go on where a pipe is full, and writes synchronously: an end of the process leaves nothing behind.
    this.#to = pino.destination({ dest: fd, sync: true })
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line)
    if (this.#bytes + bytes > mostBytes) this.flushSync()
    this.#lines += line
    this.#bytes += bytes
    const isCrowded = this.#timer !== undefined
    this.#timer ??= setTimeout(this.#onPause, pauseMs).unref()
    if (isCrowded && this.lastLevel < warn) waiting.add(this)
    else this.flushSync()
  }

  flushSync(): void {
    const lines = this.#lines
    this.#lines = ''
    this.#bytes = 0
    waiting.delete(this)
    if (lines !== '') this.#to.write(lines)
  }

  readonly #onPause = (): void => {
    this.#timer = undefined
    this.flushSync()
  }
}

function writeAll(): void {
  for (const batch of waiting) batch.flushSync()
}

// An uncaught error ends in `exit` as well; these signals do not, unless somebody takes them.
process.on('exit', writeAll)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const) {
  process.once(signal, () => {
    writeAll()
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
  })
}
