import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { drivers, openDriver } from '../../drivers/index.ts'
import { refuses } from '../support/driver-refusal.ts'
import { tempDir } from '../support/temp-dir.ts'

test('a driver is opened by its name, in upper or lower case', async (t) => {
  assert.deepEqual(Object.keys(drivers), ['sqlite', 'xattr'])
  await using driver = await openDriver('SQLite', { dir: await tempDir(t), sqliteDb: 'cache.db' })
  assert.equal(driver.name, 'sqlite')
})

test('an unknown name lists the known ones, and nothing is opened', async (t) => {
  const dir = await tempDir(t)
  for (const name of ['redis', '', 'toString', '__proto__']) {
    const opening = openDriver(name, { dir, sqliteDb: 'cache.db' })
    await refuses(opening, /unknown name in image_cache_driver\. Drivers: sqlite, xattr$/)
  }
  assert.deepEqual(await readdir(dir), [])
})

test("Glance's default driver is refused with the way out", async (t) => {
  const dir = await tempDir(t)
  const opening = openDriver('centralized_db', { dir, sqliteDb: 'cache.db' })
  await refuses(opening, /centralized_db: .*Drivers: sqlite, xattr\..*OS_DEFAULT__IMAGE_CACHE_DRIVER=sqlite/)
})
