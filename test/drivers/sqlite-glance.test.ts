import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DriverError } from '../../drivers/driver.ts'
import { openSqlite } from '../../drivers/sqlite.ts'
import { commitImage, entriesOf, listed, longAgo } from '../support/driver-scene.ts'
import { startPython } from '../support/python.ts'
import { tempDir } from '../support/temp-dir.ts'

/** Python's sqlite3 as Glance uses it: its schema, its pragmas, no busy timeout. `sql` with a list of values. */
function glance(t: TestContext, dir: string) {
  const python = startPython(
    t,
    'python3',
    `
import sqlite3
db = sqlite3.connect(${JSON.stringify(join(dir, 'cache.db'))}, check_same_thread=False, timeout=0, isolation_level=None)
db.execute('PRAGMA synchronous = NORMAL')
`,
    'return db.execute(request["sql"], request["values"]).fetchall()',
  )
  return (sql: string, ...values: unknown[]) => python.ask({ sql, values })
}

const createTable = `CREATE TABLE IF NOT EXISTS cached_images (image_id TEXT PRIMARY KEY, last_accessed REAL DEFAULT 0.0,
  last_modified REAL DEFAULT 0.0, size INTEGER DEFAULT 0, hits INTEGER DEFAULT 0, checksum TEXT)`
const insert = 'INSERT INTO cached_images (image_id, last_accessed, last_modified, hits, size) VALUES (?, ?, ?, 0, ?)'
const hit = 'UPDATE cached_images SET hits = hits + 1, last_accessed = ? WHERE image_id = ?'
const select = 'SELECT image_id, hits, last_accessed, last_modified, size FROM cached_images ORDER BY image_id'
const remove = 'DELETE FROM cached_images WHERE image_id = ?'

test("Glance's database is taken over", async (t) => {
  const dir = await tempDir(t)
  const sql = glance(t, dir)
  await sql(createTable)
  await sql(insert, 'new', 1651504844.0860524, 1651504840.9996, 2 ** 33)
  await sql(insert, 'old', 1651504843.25, 1651504843, 5)
  await sql(hit, 1651504843.5, 'old')

  await using driver = await openSqlite({ dir, sqliteDb: 'cache.db' })
  const unknown = { pinned: false, facts: undefined }
  assert.deepEqual(await entriesOf(driver), [
    { id: 'old', size: 5, hits: 1, accessedAt: 1651504843500, modifiedAt: 1651504843000, ...unknown },
    { id: 'new', size: 2 ** 33, hits: 0, accessedAt: 1651504844086, modifiedAt: 1651504841000, ...unknown },
  ])
  assert.deepEqual(await driver.totals(), { count: 2, size: 2 ** 33 + 5 })
})

test('our database is given back to Glance, and taken over again', async (t) => {
  const dir = await tempDir(t)
  await using first = await openSqlite({ dir, sqliteDb: 'cache.db' })
  const entry = await commitImage({ driver: first, dir }, 'a', { hits: 2, accessedAt: longAgo + 1500 })
  await commitImage({ driver: first, dir }, 'b', { pinned: true })
  await first[Symbol.asyncDispose]()

  const sql = glance(t, dir)
  const seconds = longAgo / 1000
  assert.deepEqual(await sql(select), [
    ['a', 2, seconds + 1.5, seconds, 1000],
    ['b', 0, seconds + 60, seconds, 1000],
  ])
  await sql(hit, seconds + 90, 'a')
  await sql(remove, 'b')
  await sql(insert, 'b', seconds + 100, seconds + 100, 77)

  await using again = await openSqlite({ dir, sqliteDb: 'cache.db' })
  assert.deepEqual(await again.get('a'), { ...entry, hits: 3, accessedAt: longAgo + 90_000 })
  const b = await again.get('b')
  assert.equal(b?.size, 77)
  assert.equal(b?.pinned, false, 'the pin went with the image that Glance deleted')
  assert.equal(b?.facts, undefined)
})

test('Glance works on the database while the driver has it open', async (t) => {
  const dir = await tempDir(t)
  await using driver = await openSqlite({ dir, sqliteDb: 'cache.db' })
  const entry = await commitImage({ driver, dir }, 'image')
  const sql = glance(t, dir)
  await sql(insert, 'theirs', 1, 1, 1)
  await sql(hit, longAgo / 1000 + 70, 'image')
  await driver.touch('image', longAgo + 80_000)
  assert.deepEqual(await driver.get('image'), { ...entry, hits: 2, accessedAt: longAgo + 80_000 })
  assert.deepEqual(await listed(driver), ['theirs', 'image'])
  await sql("UPDATE cached_images SET checksum = 'of other bytes'")
  await commitImage({ driver, dir }, 'theirs')
  assert.deepEqual(await sql("SELECT checksum FROM cached_images WHERE image_id = 'theirs'"), [[null]])
})

test("the totals follow Glance's changes, and a sum that somebody got wrong is put right at the next start", async (t) => {
  const dir = await tempDir(t)
  await using driver = await openSqlite({ dir, sqliteDb: 'cache.db' })
  await commitImage({ driver, dir }, 'ours')
  const sql = glance(t, dir)
  await sql(insert, 'a', 1, 1, 2 ** 33)
  await sql(insert, 'b', 1, 1, 7)
  assert.deepEqual(await driver.totals(), { count: 3, size: 1000 + 2 ** 33 + 7 })
  await sql(hit, longAgo / 1000, 'a')
  await sql('UPDATE cached_images SET size = ? WHERE image_id = ?', 8, 'b')
  await sql(remove, 'a')
  assert.deepEqual(await driver.totals(), { count: 2, size: 1008 })
  // Without a condition, as Glance's delete-all does it.
  await sql('DELETE FROM cached_images')
  assert.deepEqual(await driver.totals(), { count: 0, size: 0 })
  await sql(insert, 'a', 1, 1, 5)
  await sql('REPLACE INTO cached_images (image_id, size) VALUES (?, ?)', 'a', 6)
  await driver[Symbol.asyncDispose]()
  await using again = await openSqlite({ dir, sqliteDb: 'cache.db' })
  assert.deepEqual(await again.totals(), { count: 1, size: 6 })
})

test('while another process holds the database, reads go on and writes wait', async (t) => {
  const dir = await tempDir(t)
  await using driver = await openSqlite({ dir, sqliteDb: 'cache.db' })
  const entry = await commitImage({ driver, dir }, 'image')
  const sql = glance(t, dir)
  await sql('BEGIN IMMEDIATE')
  let done = false
  const touched = driver.touch('image', longAgo + 90_000).then(() => {
    done = true
  })
  for (let n = 0; n < 20; n++) assert.deepEqual(await driver.get('image'), entry)
  await sql(hit, longAgo / 1000 + 70, 'image')
  assert.equal(done, false)
  await sql('COMMIT')
  await touched
  assert.deepEqual(await driver.get('image'), { ...entry, hits: 2, accessedAt: longAgo + 90_000 })
})

test('a write that waited too long for another process fails, the next one may succeed', async (t) => {
  const dir = await tempDir(t)
  await using driver = await openSqlite({ dir, sqliteDb: 'cache.db' }, 150)
  await commitImage({ driver, dir }, 'image')
  const sql = glance(t, dir)
  await sql('BEGIN IMMEDIATE')
  await assert.rejects(driver.touch('image', longAgo), (error) => {
    assert.ok(error instanceof DriverError)
    assert.match(error.message, /metadata driver sqlite: touch image: database is locked: another process keeps it/)
    return true
  })
  await sql('ROLLBACK')
  await driver.touch('image', longAgo)
  assert.equal((await driver.get('image'))?.hits, 1)
})
