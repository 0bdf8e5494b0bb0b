import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { drivers, openDriver } from '../../drivers/index.ts'
import { commitImage, listed } from '../support/driver-scene.ts'
import { startGlance, withoutGlance } from '../support/glance-driver.ts'
import { tempDir } from '../support/temp-dir.ts'

for (const name of Object.keys(drivers)) {
  test(`Glance's own ${name} driver and ours take turns on one directory`, { skip: withoutGlance }, async (t) => {
    const dir = await tempDir(t)
    const open = () => openDriver(name, { dir, sqliteDb: 'cache.db' })

    const first = startGlance(t, name, dir)
    await first.ask({ do: 'write', id: 'theirs', text: 'hello' })
    assert.equal(await first.ask({ do: 'read', id: 'theirs' }), 'hello')

    const driver = await open()
    const theirs = await driver.get('theirs')
    assert.equal(theirs?.size, 5)
    assert.equal(theirs?.hits, 1)
    assert.ok(Math.abs((theirs?.accessedAt ?? 0) - Date.now()) < 60_000)
    const later = Date.now() + 5000
    await driver.touch('theirs', later)
    const ours = await commitImage({ driver, dir }, 'ours', { size: 3 })
    await driver[Symbol.asyncDispose]()

    const second = startGlance(t, name, dir)
    assert.equal(await second.ask({ do: 'get_hit_count', args: ['theirs'] }), 2)
    const accessed = { ours: Math.floor(ours.accessedAt / 1000), theirs: Math.floor(later / 1000) }
    assert.deepEqual(await second.ask({ do: 'accessed' }), accessed)
    assert.deepEqual(await second.ask({ do: 'get_least_recently_accessed' }), ['ours', 3])
    assert.equal(await second.ask({ do: 'read', id: 'ours' }), '\0\0\0')
    assert.equal(await second.ask({ do: 'get_hit_count', args: ['ours'] }), 1)
    assert.equal(await second.ask({ do: 'get_cache_size' }), 8)

    await using again = await open()
    const entry = await again.get('ours')
    assert.deepEqual({ ...entry, accessedAt: 0 }, { ...ours, hits: 1, accessedAt: 0 })
    await again[Symbol.asyncDispose]()

    await second.ask({ do: 'delete_all_cached_images' })
    await using empty = await open()
    assert.deepEqual(await listed(empty), [])
    assert.ok(!(await readdir(dir)).includes('ours'))
  })
}
