import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSqlite } from '../../drivers/sqlite.ts'
import { commitImage, longAgo } from '../support/driver-scene.ts'
import { tempDir } from '../support/temp-dir.ts'

/** How many transactions a write-ahead log holds (SQLite's file format, 4.1): the last frame of each gives a size. */
async function commitsIn(path: string): Promise<number> {
  const log = await readFile(path)
  const frame = 24 + log.readUInt32BE(8)
  let commits = 0
  for (let at = 32; at + frame <= log.length; at += frame) if (log.readUInt32BE(at + 4) > 0) commits++
  return commits
}

test('rule 15: many hits at once cost a few commits', async (t) => {
  const dir = await tempDir(t)
  await using driver = await openSqlite({ dir, sqliteDb: 'cache.db' })
  await commitImage({ driver, dir }, 'image')
  const log = join(dir, 'cache.db-wal')
  const before = await commitsIn(log)
  await Promise.all(Array.from({ length: 200 }, () => driver.touch('image', longAgo)))
  assert.equal((await driver.get('image'))?.hits, 200)
  const commits = (await commitsIn(log)) - before
  assert(commits >= 1 && commits <= 10, `${commits} commits`)
})
