import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { drivers, openDriver } from '../../drivers/index.ts'
import { commitImage, listed } from '../support/driver-scene.ts'
import { startPython } from '../support/python.ts'
import { tempDir } from '../support/temp-dir.ts'

/** Distributions package Glance for their own Python. */
const interpreter = '/usr/bin/python3'

function missing(): string | undefined {
  try {
    execFileSync(interpreter, ['-c', 'import glance.image_cache.drivers.sqlite, xattr'], { stdio: 'pipe' })
    return undefined
  } catch {
    return `Glance is not installed for ${interpreter}`
  }
}

/** Glance's own cache driver of that name, on `dir`. Methods of it by name, and whole downloads through it. */
function startGlance(t: TestContext, name: string, dir: string) {
  return startPython(
    t,
    interpreter,
    `
import os
from glance.common import config
from glance.image_cache.drivers import ${name}
config.CONF([], default_config_files=[])
config.CONF.set_override('image_cache_dir', ${JSON.stringify(dir)})
driver = ${name}.Driver()
for sub in ('incomplete', 'invalid', 'queue'):
    os.makedirs(os.path.join(${JSON.stringify(dir)}, sub), exist_ok=True)
driver.configure()
`,
    `
if request['do'] == 'write':
    with driver.open_for_write(request['id']) as file:
        file.write(request['text'].encode())
    return None
if request['do'] == 'read':
    with driver.open_for_read(request['id']) as file:
        return file.read().decode()
if request['do'] == 'accessed':
    return {image['image_id']: int(image['last_accessed']) for image in driver.get_cached_images()}
return getattr(driver, request['do'])(*request.get('args', []))
`,
  )
}

const skip = missing() ?? false

for (const name of Object.keys(drivers)) {
  test(`Glance's own ${name} driver and ours take turns on one directory`, { skip }, async (t) => {
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
