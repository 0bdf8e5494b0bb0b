import { resolve } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { type Driver, DriverError, type DriverOptions, type Facts, type ImageEntry, type NewEntry } from './driver.ts'
import { DriverThread } from './driver-thread.ts'
import { encodeFacts } from './facts-record.ts'
import { listInPages } from './pages.ts'
import { whenFree } from './sqlite-busy.ts'
import { withAdvice } from './sqlite-open.ts'
import { type Cursor, readsOf } from './sqlite-reads.ts'
import type { SqliteOperations } from './sqlite-worker.ts'

/** How long a call waits for another process (Glance, a backup) that keeps the database locked. */
const defaultBusyMs = 5000

const body = new URL(import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './sqlite-worker.js', import.meta.url)

/**
 * Glance's `cache.db`, taken over as it is and given back at the end. All writing is done by one thread; this one only
 * reads, in short statements. `busyMs` bounds the wait for a lock that another process holds.
 */
export async function openSqlite({ dir, sqliteDb }: DriverOptions, busyMs = defaultBusyMs): Promise<Driver> {
  const path = resolve(dir, sqliteDb)
  const writer = await DriverThread.start<SqliteOperations>('sqlite', body, path, busyMs)
  try {
    return new SqliteDriver(writer, await whenFree(busyMs, () => openForReading(path)), busyMs)
  } catch (error) {
    await writer[Symbol.asyncDispose]()
    throw new DriverError('sqlite', `open ${path}: ${withAdvice(error).message}`, { cause: error })
  }
}

type Reads = ReturnType<typeof readsOf>
type Reader = Readonly<{ db: Database.Database; reads: Reads }>

function openForReading(path: string): Reader {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: 0 })
  try {
    return { db, reads: readsOf(db) }
  } catch (error) {
    db.close()
    throw error
  }
}

class SqliteDriver implements Driver {
  readonly name = 'sqlite'
  readonly #writer: DriverThread<SqliteOperations>
  readonly #db: Database.Database
  readonly #reads: Reads
  readonly #busyMs: number

  constructor(writer: DriverThread<SqliteOperations>, { db, reads }: Reader, busyMs: number) {
    this.#writer = writer
    this.#db = db
    this.#reads = reads
    this.#busyMs = busyMs
  }

  get(id: string): Promise<ImageEntry | undefined> {
    return this.#read(`get ${id}`, (reads) => reads.entry(id))
  }

  list(signal?: AbortSignal): AsyncIterable<ImageEntry> {
    const page = (after: Cursor | undefined, most: number) => this.#read('list', (reads) => reads.page(after, most))
    return listInPages(page, { signal, isAhead: false })
  }

  async *byId(signal?: AbortSignal): AsyncIterable<ImageEntry> {
    let last: string | undefined
    do {
      signal?.throwIfAborted()
      const entries = await this.#read('byId', (reads) => reads.pageById(last))
      for (const entry of entries) {
        signal?.throwIfAborted()
        yield entry
      }
      last = entries.at(-1)?.id
      await turn()
    } while (last !== undefined)
  }

  async sizes(): Promise<ReadonlyMap<string, number>> {
    const found = new Map<string, number>()
    for (let last: string | undefined = ''; last !== undefined; ) {
      const after: string = last
      const page = await this.#read('sizes', (reads) => reads.sizes(after))
      for (const { id, size } of page) found.set(id, size)
      last = page.at(-1)?.id
      await turn()
    }
    return found
  }

  totals() {
    return this.#read('totals', (reads) => reads.totals())
  }

  prepare(id: string, _path: string, facts: Facts): Promise<void> {
    return this.#writer.ask('prepare', id, encodeFacts(facts))
  }

  factsOf(id: string): Promise<Facts | undefined> {
    return this.#read(`factsOf ${id}`, (reads) => reads.facts(id))
  }

  replaceFacts(id: string, known: Facts | undefined, facts: Facts): Promise<boolean> {
    return this.#writer.ask('replaceFacts', id, known, facts)
  }

  admit(entry: NewEntry): Promise<void> {
    return this.#writer.ask('admit', entry.id, entry)
  }

  touch(id: string, at: number, hits = 1): Promise<void> {
    return this.#writer.ask('touch', id, at, hits)
  }

  pin(id: string, pinned: boolean): Promise<boolean> {
    return this.#writer.ask('pin', id, pinned)
  }

  giveUp(id: string): Promise<void> {
    return this.forget(id)
  }

  forget(id: string): Promise<void> {
    return this.#writer.ask('forget', id)
  }

  /** Our reading connection first: the writer can give the database back only when nobody has it open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#db.close()
    await this.#writer[Symbol.asyncDispose]()
  }

  async #read<T>(what: string, read: (reads: Reads) => T): Promise<T> {
    try {
      return await whenFree(this.#busyMs, () => {
        if (!this.#db.open) throw new Error('has been closed')
        return read(this.#reads)
      })
    } catch (error) {
      throw new DriverError(this.name, `${what}: ${withAdvice(error).message}`, { cause: error })
    }
  }
}
