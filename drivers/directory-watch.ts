import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'

/** Names that have changed before they are looked at without being asked for: whoever asks then has not many to look at. */
const manyNames = 200

/** Between a change of the directory's time and the word of it, in a call of another process that is interrupted there. */
const graceMs = 10

/**
 * Tells which files of a directory were added, removed or changed (their times and attributes too), by whatever process
 * of this machine. The kernel queues a change before the call that makes it returns, so after one round of the event
 * loop everything is known that had been done by then. Where changes may have escaped it, it says so: when more came at
 * once than the kernel may queue, and when the directory's own time has moved although nothing was told (a network file
 * system, another system's kind of watching).
 */
export class DirectoryWatch {
  readonly #dir: string
  readonly #watcher: FSWatcher
  readonly #onMany: () => void
  readonly #mostAtOnce = mostAtOnce()
  #changed = new Set<string>()
  #modifiedAt: number
  /** Events told since the last `take`, and since the last quiet round of the event loop. */
  #told = 0
  #burst = 0
  #isLost = false
  #isDeaf = false

  /** undefined where the kernel refuses, mostly because too much is being watched already (`fs.inotify.max_user_*`). */
  static start(dir: string, onMany: () => void): DirectoryWatch | undefined {
    try {
      return new DirectoryWatch(dir, onMany)
    } catch {
      return undefined
    }
  }

  private constructor(dir: string, onMany: () => void) {
    this.#dir = dir
    this.#onMany = onMany
    this.#modifiedAt = statSync(dir).mtimeMs
    this.#watcher = watch(dir, { persistent: false }, (_, name) => this.#note(name))
    this.#watcher.on('error', () => {
      this.#isLost = true
    })
  }

  /** A change was made that nobody was told of. */
  get isDeaf(): boolean {
    return this.#isDeaf
  }

  /** The names of all that has changed since the last call, or the start; undefined when that cannot be told any more. */
  async take(): Promise<ReadonlySet<string> | undefined> {
    await aRound()
    const { mtimeMs } = statSync(this.#dir)
    if (mtimeMs !== this.#modifiedAt && this.#told === 0) {
      // It may have moved since that round, or be moving: the time changes a moment before it is told.
      await delay(graceMs)
      await aRound()
      this.#isDeaf ||= this.#told === 0
    }
    this.#modifiedAt = mtimeMs
    this.#told = 0
    const changed = this.#changed
    this.#changed = new Set()
    return this.#isLost || this.#isDeaf ? undefined : changed
  }

  close(): void {
    this.#watcher.close()
  }

  #note(name: string | null): void {
    this.#told++
    if (name === null) this.#isLost = true
    else if (!this.#changed.has(name)) {
      this.#changed.add(name)
      if (this.#changed.size === manyNames) this.#onMany()
    }
    if (this.#burst++ === 0) void this.#countBurst()
    // That it had to drop some the kernel says too, but Node does not pass it on.
    if (this.#burst >= this.#mostAtOnce) this.#isLost = true
  }

  async #countBurst(): Promise<void> {
    for (let before = 0; before !== this.#burst; ) {
      before = this.#burst
      await aRound()
    }
    this.#burst = 0
  }
}

/**
 * From here to where the event loop has asked the kernel for everything: the first turn ends the round that is under
 * way, the second comes after a whole one.
 */
async function aRound(): Promise<void> {
  await turn()
  await turn()
}

/** Half of what the kernel queues for one watcher (inotify(7)). */
function mostAtOnce(): number {
  try {
    const events = Number.parseInt(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'latin1'), 10)
    if (events > 0) return events >> 1
  } catch {
    // Hidden in a container, or not Linux.
  }
  return 8192
}
