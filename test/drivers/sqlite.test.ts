import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { DriverError } from '../../drivers/driver.ts'
import { openSqlite } from '../../drivers/sqlite.ts'
import { deadline } from '../support/deadline.ts'
import { conforms } from '../support/driver-conformance.ts'
import { makeReadOnly, mountedDir } from '../support/driver-mount.ts'
import { refuses } from '../support/driver-refusal.ts'
import { commitImage, longAgo } from '../support/driver-scene.ts'
import { tempDir } from '../support/temp-dir.ts'

const openIn = (dir: string, sqliteDb = 'cache.db') => openSqlite({ dir, sqliteDb })

conforms({ name: 'sqlite', shared: true, open: (dir) => openIn(dir) })

/** Byte 18 of the file (SQLite's file format): 1 with a rollback journal, 2 with a write-ahead log. */
const journalOf = async (path: string) => (await readFile(path))[18]

test('a clean end leaves one file with a rollback journal', async (t) => {
  const dir = await tempDir(t)
  const driver = await openIn(dir)
  await commitImage({ driver, dir }, 'image')
  assert.deepEqual((await readdir(dir)).filter((name) => name.startsWith('cache.db')).sort(), [
    'cache.db',
    'cache.db-shm',
    'cache.db-wal',
  ])
  await driver[Symbol.asyncDispose]()
  assert.deepEqual((await readdir(dir)).sort(), ['cache.db', 'image', 'incomplete'])
  assert.equal(await journalOf(join(dir, 'cache.db')), 1)
})

test('of two drivers that end, at once or one after the other, the last gives the database back', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'cache.db')
  const [first, second, third] = [await openIn(dir), await openIn(dir), await openIn(dir)]
  await first[Symbol.asyncDispose]()
  assert.equal(await journalOf(path), 2)
  await commitImage({ driver: second, dir }, 'image')
  await Promise.all([second[Symbol.asyncDispose](), third[Symbol.asyncDispose]()])
  assert.equal(await journalOf(path), 1)
  assert.deepEqual((await readdir(dir)).sort(), ['cache.db', 'image', 'incomplete'])
})

test('the database may lie elsewhere', async (t) => {
  const [dir, elsewhere] = [await tempDir(t), await tempDir(t)]
  const path = join(elsewhere, 'images.db')
  await using driver = await openIn(dir, path)
  await commitImage({ driver, dir }, 'image')
  assert.ok((await readdir(elsewhere)).includes('images.db'))
})

test('what is no database is refused and left alone', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'cache.db')
  const text = Buffer.from('important notes, no database\n'.repeat(400))
  await writeFile(path, text)
  await refuses(openIn(dir), /open .*\/cache\.db: file is not a database: move it away/)
  assert.deepEqual(await readFile(path), text)
  assert.deepEqual(await readdir(dir), ['cache.db'])
})

test('a damaged database is refused and left alone', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'cache.db')
  const driver = await openIn(dir)
  await Promise.all(Array.from({ length: 100 }, (_, n) => commitImage({ driver, dir }, `image-${n}`)))
  await driver[Symbol.asyncDispose]()
  const handle = await open(path, 'r+')
  await handle.write(Buffer.alloc(4096, 0x5a), 0, 4096, 3 * 4096)
  await handle.close()
  const damaged = await readFile(path)
  await refuses(openIn(dir), /cache\.db: .*the database is damaged; move it away/s)
  assert.deepEqual(await readFile(path), damaged)
})

test('a directory in its place is refused', async (t) => {
  const dir = await tempDir(t)
  await mkdir(join(dir, 'cache.db'))
  await refuses(openIn(dir), /cache\.db: is a directory: remove it/)
})

test('tables of a newer Afterimage are refused and left alone', async (t) => {
  const dir = await tempDir(t)
  const db = new Database(join(dir, 'cache.db'))
  db.pragma('user_version = 3')
  db.close()
  await refuses(openIn(dir), /cache\.db: its tables have version 3, this Afterimage knows 2: start the/)
  assert.equal(await journalOf(join(dir, 'cache.db')), 1)
})

test('tables of the first version, which had no totals, are taken over', async (t) => {
  const dir = await tempDir(t)
  const entry = await (async () => {
    await using driver = await openIn(dir)
    await commitImage({ driver, dir }, 'a', { size: 5 })
    return await commitImage({ driver, dir }, 'b', { pinned: true })
  })()
  const db = new Database(join(dir, 'cache.db'))
  for (const name of ['added', 'resized', 'removed']) db.exec(`DROP TRIGGER afterimage_${name}`)
  db.exec(
    'DROP TABLE afterimage_totals; CREATE INDEX afterimage_sizes ON cached_images (size); PRAGMA user_version = 1',
  )
  db.close()
  for (const _ of ['the first time', 'once more']) {
    await using driver = await openIn(dir)
    assert.deepEqual(await driver.totals(), { count: 2, size: 1005 })
    assert.deepEqual(await driver.get('b'), entry)
  }
})

test('a database that was dumped and read in again, which keeps the tables and not their version', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'cache.db')
  const first = await openIn(dir)
  await commitImage({ driver: first, dir }, 'image')
  const before = await first.totals()
  await first[Symbol.asyncDispose]()
  const db = new Database(path)
  db.pragma('user_version = 0')
  db.close()
  await using second = await openIn(dir)
  assert.deepEqual(await second.totals(), before)
  await commitImage({ driver: second, dir }, 'another')
  assert.equal((await second.totals()).count, before.count + 1)
})

test('without permission to write it is refused', async (t) => {
  const dir = await mountedDir(t, 'tmpfs')
  if (dir === undefined) return
  await (await openIn(dir))[Symbol.asyncDispose]()
  await makeReadOnly(dir)
  await refuses(openIn(dir), /cache\.db: .*: the user of this service must be able to write the file/)
  await refuses(openIn(dir, 'new.db'), /new\.db: .*: the user of this service must be able to write/)
})

/** A driver on a new directory with one image, and the thread that it started. */
async function openWithThread(t: TestContext) {
  const dir = await tempDir(t)
  const threads: Worker[] = []
  const remember = (message: unknown) => {
    if (typeof message === 'object' && message !== null && 'worker' in message && message.worker instanceof Worker) {
      threads.push(message.worker)
    }
  }
  subscribe('worker_threads', remember)
  const driver = await openIn(dir)
  unsubscribe('worker_threads', remember)
  const [thread] = threads
  assert.ok(thread)
  await commitImage({ driver, dir }, 'image')
  return { dir, driver, thread }
}

const died = (error: unknown) =>
  error instanceof DriverError && /its thread has died; restart the service/.test(error.message)

test('when its thread is ended, every waiting and later call fails and none hangs', async (t) => {
  const { dir, driver, thread } = await openWithThread(t)
  const blocker = new Database(join(dir, 'cache.db'))
  blocker.exec('BEGIN IMMEDIATE')
  const waiting = Array.from({ length: 20 }, () => driver.touch('image', longAgo))
  const rejections = Promise.all(waiting.map((each) => assert.rejects(each, died)))
  await thread.terminate()
  await deadline(rejections, 'waiting calls end')
  blocker.close()
  await assert.rejects(deadline(driver.pin('image', true), 'a later call ends'), died)
  await deadline(driver[Symbol.asyncDispose](), 'closing ends')
  await using again = await openIn(dir)
  assert.equal((await again.get('image'))?.hits, 0)
})

test('when its thread fails, every waiting and later call fails with the cause', async (t) => {
  const { driver, thread } = await openWithThread(t)
  thread.postMessage(null)
  const failed = (error: unknown) => died(error) && error instanceof DriverError && error.cause instanceof TypeError
  await assert.rejects(deadline(driver.touch('image', longAgo), 'the waiting call ends'), failed)
  await assert.rejects(deadline(driver.forget('image'), 'a later call ends'), failed)
  await deadline(driver[Symbol.asyncDispose](), 'closing ends')
})
