import fs from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { threadName } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { type DiskFault, die, doSync, fateOf } from './plan.ts'
import { placeOf, placeOfDescriptor, say } from './words.ts'

/**
 * What the drivers stand on, broken like the rest: SQLite's statements, extended attributes, the xattr driver's lock
 * and times. They know nothing of the cache's files, so this is done to what they import, in the threads that use it.
 */
export function breakDrivers(): void {
  if (threadName === 'digest') return
  breakStatements()
  if (threadName !== 'afterimage xattr') return
  breakAttributes()
  breakLock()
  breakTimes()
}

type Method = (this: unknown, ...args: unknown[]) => unknown

/** Replaces methods of an object by ones that break when they are the one that is meant. */
function wrap(
  object: object,
  names: readonly string[],
  words: (name: string, self: unknown, args: unknown[]) => string | undefined,
): void {
  for (const [name, real] of methodsOf(object, names)) {
    const broken: Method = function (...args) {
      return doSync(words(name, this, args), () => real.apply(this, args))
    }
    Object.assign(object, { [name]: broken })
  }
}

function methodsOf(object: object, names: readonly string[]): [name: string, method: Method][] {
  return names.map((name) => {
    const real: unknown = Reflect.get(object, name)
    if (typeof real !== 'function') throw new Error(`no method ${name}`)
    return [name, real as Method]
  })
}

/** What SQLite says when its own file operation has failed so. */
const sqliteErrors: Partial<Record<DiskFault, readonly [message: string, code: string]>> = {
  EIO: ['disk I/O error', 'SQLITE_IOERR'],
  ENOSPC: ['database or disk is full', 'SQLITE_FULL'],
  EDQUOT: ['disk I/O error', 'SQLITE_IOERR_WRITE'],
  EACCES: ['attempt to write a readonly database', 'SQLITE_READONLY'],
}

/** Every statement, those of transactions and pragmas too: all end in these three. */
function breakStatements(): void {
  const db = new Database(':memory:')
  const statement = Object.getPrototypeOf(db.prepare('SELECT 1')) as object
  db.close()
  wrap(
    Database.prototype,
    ['exec'],
    (_name, _self, [source]) => `database: ${/^\s*(\w+ \w+)/.exec(String(source))?.[1]}`,
  )
  for (const [name, real] of methodsOf(statement, ['run', 'get', 'all'])) {
    const broken: Method = function (...args) {
      const words = `database: ${statementOf(this)}`
      const fate = fateOf(words)
      if (fate === undefined) return real.apply(this, args)
      if (fate === 'kill -9 before it') die()
      if (fate === 'kill -9 after it') {
        real.apply(this, args)
        die()
      }
      const [message, code] = sqliteErrors[fate] ?? ['disk I/O error', 'SQLITE_IOERR']
      throw new Database.SqliteError(message, code)
    }
    Object.assign(statement, { [name]: broken })
  }
}

/** `INSERT INTO cached_images`, `COMMIT`, `PRAGMA synchronous`. */
function statementOf(self: unknown): string {
  const source = String(Reflect.get(Object(self), 'source'))
    .replaceAll(/\s+/g, ' ')
    .trim()
  const [verb = ''] = source.split(' ')
  if (verb === 'SELECT') return `SELECT ${/ FROM (\w+)/.exec(source)?.[1] ?? ''}`.trim()
  if (verb === 'PRAGMA') return source.replace(/ ?=.*/, '').replace(/\(.*/, '')
  return /^(INSERT INTO \w+|UPDATE \w+|DELETE FROM \w+|\w+)/.exec(source)?.[1] ?? verb
}

function breakAttributes(): void {
  // The very object that fs-xattr calls.
  const addon: unknown = createRequire(import.meta.resolve('fs-xattr'))('./build/Release/xattr')
  const said: Record<string, string> = {
    getSync: 'read attribute',
    setSync: 'set attribute',
    listSync: 'list attributes',
    removeSync: 'remove attribute',
  }
  wrap(Object(addon), Object.keys(said), (name, _self, [path, attribute]) =>
    say(`${said[name]}${attribute === undefined ? '' : ` ${attribute}`} of`, placeOf(path)),
  )
}

function breakLock(): void {
  const locks: unknown = createRequire(import.meta.url)('fs-native-extensions')
  wrap(Object(locks), ['tryLock', 'unlock'], (name, _self, [fd]) =>
    say(name === 'unlock' ? 'unlock' : 'lock', placeOfDescriptor(Number(fd))),
  )
}

function breakTimes(): void {
  wrap(fs, ['lstatSync', 'utimesSync'], (name, _self, [path]) => say(name.replace('Sync', ''), placeOf(path)))
  syncBuiltinESMExports()
}
