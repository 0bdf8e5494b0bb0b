import { statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { isBusy, whenFree } from './sqlite-busy.ts'
import { inspect, migrate } from './sqlite-schema.ts'
import { codeOf } from './thread-call.ts'

/**
 * Opens the database for writing, with a write-ahead log: readers never wait for us, nor we for them. What a crash left
 * in an existing log is recovered by SQLite here. The error says what is wrong with the file and what to do about it.
 */
export async function openForWriting(path: string, busyMs: number): Promise<Database.Database> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error('is a directory: remove it, or name a file with image_cache_sqlite_db')
  }
  let db: Database.Database | undefined
  try {
    const opened = new Database(path, { timeout: 0 })
    db = opened
    await whenFree(busyMs, () => inspect(opened))
    const mode = await whenFree(busyMs, () => opened.pragma('journal_mode = WAL', { simple: true }))
    if (mode !== 'wal') throw new Error(`its file system has no shared memory for a write-ahead log (got ${mode})`)
    await whenFree(busyMs, () => migrate(opened))
    return opened
  } catch (error) {
    db?.close()
    throw withAdvice(error)
  }
}

/**
 * Closes the database as Glance left it to us: one file, with a rollback journal, no `-wal` and `-shm` beside it
 * (Glance's delete-all unlinks every regular file of its directory). While another process has the database open that
 * cannot be; then the last one to close it does it.
 */
export async function closeForGlance(db: Database.Database): Promise<void> {
  const path = db.name
  db.close()
  // With nothing open between the tries, so that two that end at once do not wait for each other.
  await whenFree(100, () => {
    const last = new Database(path, { timeout: 0, fileMustExist: true })
    try {
      last.pragma('journal_mode = DELETE')
    } finally {
      last.close()
    }
  }).catch((error: unknown) => {
    if (!isBusy(error)) throw error
  })
}

/** The same error, with what an operator can do about it. */
export function withAdvice(error: unknown): Error {
  const code = codeOf(error) ?? ''
  const message = error instanceof Error ? error.message : String(error)
  const found = advice.find(([prefix]) => code.startsWith(prefix))
  return found === undefined && error instanceof Error
    ? error
    : Object.assign(new Error(`${message}: ${found?.[1]}`, { cause: error }), { code })
}

const advice: ReadonlyArray<readonly [prefix: string, whatToDo: string]> = [
  ['SQLITE_NOTADB', 'move it away, or name another file with image_cache_sqlite_db'],
  ['SQLITE_CORRUPT', 'the database is damaged; move it away, a new one is made and cached images are proven again'],
  ['SQLITE_READONLY', 'the user of this service must be able to write the file and its directory'],
  ['SQLITE_CANTOPEN', 'the user of this service must be able to write the file and its directory'],
  ['SQLITE_BUSY', 'another process keeps it locked; end that one, or wait until it is done'],
  ['SQLITE_FULL', 'its disk is full'],
]
