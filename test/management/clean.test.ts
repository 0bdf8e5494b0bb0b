import assert from 'node:assert/strict'
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { createFillRecord } from '../../src/cache/fill-record.ts'
import { type CleanTools, clean, planClean } from '../../src/management/clean.ts'
import { imageId } from '../support/image-id.ts'
import { type DriverName, drivers } from '../support/proxy.ts'
import { openStoreScene } from '../support/store-scene.ts'

const hours = (count: number) => count * 3_600_000
const nothing = { invalid: 0, stalled: 0, orphans: 0, bytes: 0 }

/** Last changed so long ago. */
async function age(path: string, ms: number): Promise<void> {
  const time = (Date.now() - ms) / 1000
  await utimes(path, time, time)
}

async function setUp(t: TestContext, driver: DriverName, stallMs = hours(24)) {
  const scene = await openStoreScene(t, driver)
  const { layout } = scene
  const tools: CleanTools = { ...scene, stallMs }
  return {
    ...scene,
    /** A file of 100 bytes in `incomplete/`, and its record, last changed so long ago. */
    async incomplete(number: number, ms: number) {
      const path = layout.incomplete(imageId(number))
      await writeFile(path, Buffer.alloc(100))
      const facts = { inode: 1, size: 1000, md5: 'a', hashAlgo: undefined, hashValue: undefined, updatedAt: 'x' }
      const progress = { watermark: 100, synced: 0 }
      await (await createFillRecord(layout, imageId(number), { ...facts, startAt: 0 }, progress)).close()
      await age(path, ms)
      await age(layout.fillRecord(imageId(number)), ms)
      return path
    },
    clean: () => clean(tools),
    /** `reason name`, sorted. */
    async plan() {
      const verdicts: string[] = []
      for await (const { reason, name } of planClean(tools)) verdicts.push(`${reason} ${name}`)
      return verdicts.sort()
    },
  }
}

for (const driver of drivers) {
  describe(`clean, ${driver}`, () => {
    test('a cache without anything to clean', async (t) => {
      const { add, clean, cached, plan } = await setUp(t, driver, 0)
      await add(1, 1000)
      assert.deepEqual(await plan(), [])
      assert.deepEqual(await clean(), nothing)
      assert.deepEqual(await cached(), [imageId(1)])
    })

    test("Glance's test_cache_clean: invalid ones at once, incomplete ones after the stall time", async (t) => {
      const { layout, incomplete, clean, plan } = await setUp(t, driver)
      await writeFile(layout.invalid(imageId(1)), Buffer.alloc(300))
      await incomplete(2, hours(24) + 1000)
      await incomplete(3, hours(23))
      assert.deepEqual(await plan(), [`invalid ${imageId(1)}`, `stalled ${imageId(2)}`])
      assert.deepEqual(await clean(), { invalid: 1, stalled: 1, orphans: 0, bytes: 400 })
      assert.deepEqual(await readdir(layout.invalidDir), [])
      assert.deepEqual(await readdir(layout.incompleteDir), [imageId(3)])
      assert.deepEqual(await readdir(layout.fillsDir), [imageId(3)])
      assert.deepEqual(await clean(), nothing)
    })

    test('two at once count each file once', async (t) => {
      const { layout, clean, events } = await setUp(t, driver)
      for (let number = 1; number <= 100; number++) await writeFile(layout.invalid(imageId(number)), 'abc')
      const [first, second] = await Promise.all([clean(), clean()])
      assert.deepEqual([first.invalid + second.invalid, first.bytes + second.bytes], [100, 300])
      assert.deepEqual(events.seen, [])
    })

    test('what somebody owns is kept, however old it is', async (t) => {
      const { layout, files, incomplete, clean, plan } = await setUp(t, driver, 0)
      await incomplete(1, hours(1000))
      const owned = await files.claim(imageId(1))
      assert.deepEqual(await plan(), [])
      assert.deepEqual(await clean(), nothing)
      assert.deepEqual(await readdir(layout.incompleteDir), [imageId(1)])
      assert.deepEqual(await readdir(layout.fillsDir), [imageId(1)])
      await owned?.handle.close()
      assert.deepEqual(await clean(), { invalid: 0, stalled: 1, orphans: 0, bytes: 100 })
      assert.deepEqual([await readdir(layout.incompleteDir), await readdir(layout.fillsDir)], [[], []])
    })

    test('a stall time of 0 waits for nobody; without a record it goes as well', async (t) => {
      const { layout, clean } = await setUp(t, driver, 0)
      await writeFile(layout.incomplete(imageId(1)), 'abc')
      await writeFile(layout.incomplete(imageId(2)), '')
      assert.deepEqual(await clean(), { invalid: 0, stalled: 2, orphans: 0, bytes: 3 })
    })

    test('an image that was moved back to be proven is as old as the record of that', async (t) => {
      const { layout, incomplete, clean } = await setUp(t, driver)
      const path = await incomplete(1, hours(1))
      await age(path, hours(1000))
      assert.deepEqual(await clean(), nothing)
      await age(layout.fillRecord(imageId(1)), hours(1000))
      assert.equal((await clean()).stalled, 1)
    })

    test('a committed file without an entry, records of nothing, queue entries of cached images', async (t) => {
      const { layout, add, clean, plan, driver: store } = await setUp(t, driver)
      await add(1, 1000)
      await writeFile(layout.queued(imageId(1)), '')
      await writeFile(layout.queued(imageId(2)), '')
      await writeFile(layout.fillRecord(imageId(3)), 'x')
      await writeFile(`${layout.fillRecord(imageId(4))}.tmp`, 'x')
      await writeFile(layout.committed(imageId(5)), 'abc')
      await writeFile(layout.queued(imageId(5)), '')
      const orphans = [`draft ${imageId(4)}`, `queued ${imageId(1)}`, `record ${imageId(3)}`]
      if (driver === 'sqlite') orphans.push(`file ${imageId(5)}`)
      assert.deepEqual(await plan(), orphans.sort())
      assert.deepEqual(await clean(), { ...nothing, orphans: orphans.length })
      assert.deepEqual((await readdir(layout.queueDir)).sort(), [imageId(2), imageId(5)])
      assert.deepEqual(await readdir(layout.fillsDir), [])
      assert.deepEqual(await readdir(layout.incompleteDir), [])
      assert.equal((await store.get(imageId(5)))?.size, 3)
    })

    test('what was left in our own directory, and the probe of Glance, once they are old', async (t) => {
      const { layout, clean } = await setUp(t, driver)
      await writeFile(layout.queued(imageId(1)), '')
      const names = [
        join(layout.ownDir, 'via.tmp'),
        join(layout.ownDir, 'xattr-probe-1'),
        layout.queueNote(imageId(2)),
        `${layout.queueNote(imageId(1))}.1.tmp`,
        join(layout.dir, 'checkme'),
      ]
      const kept = [layout.queueNote(imageId(1)), join(layout.ownDir, 'via')]
      for (const path of [...names, ...kept]) await writeFile(path, 'XXX')
      assert.deepEqual(await clean(), nothing, 'they may be in use')
      for (const path of [...names, ...kept]) await age(path, hours(1))
      assert.deepEqual(await clean(), { invalid: 0, stalled: 0, orphans: 5, bytes: 15 })
      assert.deepEqual(await readdir(layout.queueNotesDir), [imageId(1)])
      const own = await readdir(layout.ownDir)
      assert.deepEqual(
        own.filter((name) => name.includes('tmp') || name.includes('probe')),
        [],
      )
      assert(own.includes('via'))
    })

    test('what is not ours is not touched', async (t) => {
      const { layout, clean, plan } = await setUp(t, driver, 0)
      const places = [
        join(layout.dir, 'ballast'),
        join(layout.dir, 'checkme'),
        join(layout.dir, 'glance-cache-clean'),
        join(layout.dir, 'cache.db-journal'),
        join(layout.invalidDir, 'notes.txt'),
        join(layout.incompleteDir, '..hidden'),
        join(layout.queueDir, 'junk'),
        join(layout.fillsDir, 'junk.tmp'),
      ]
      if (driver === 'sqlite') places.splice(3, 1)
      for (const path of places) await writeFile(path, 'not a probe of Glance')
      await mkdir(layout.invalid(imageId(1)))
      await mkdir(layout.incomplete(imageId(2)))
      for (const path of places) await age(path, hours(1000))
      assert.deepEqual(await plan(), [])
      assert.deepEqual(await clean(), nothing)
      const left = await Promise.all([...new Set(places.map((path) => join(path, '..')))].map((dir) => readdir(dir)))
      for (const path of places) assert(left.some((names) => names.includes(path.slice(path.lastIndexOf('/') + 1))))
      assert((await readdir(layout.invalidDir)).includes(imageId(1)))
    })

    test('a file that cannot be removed is reported, and the rest goes on', async (t) => {
      const { layout, events, incomplete, clean } = await setUp(t, driver, 0)
      await incomplete(1, hours(1))
      await incomplete(2, hours(1))
      // A directory in the place of a record cannot be removed like a file.
      await rm(layout.fillRecord(imageId(1)))
      await mkdir(layout.fillRecord(imageId(1)))
      const { stalled } = await clean()
      assert.deepEqual(events.seen, [`fault cleaning ${imageId(1)}`, `fault reconciling ${imageId(1)}`])
      assert.equal(stalled, 1)
      assert.deepEqual(await readdir(layout.incompleteDir), [])
    })
  })
}

test('an entry without a file is forgotten', async (t) => {
  const { layout, add, clean, plan, driver } = await setUp(t, 'sqlite')
  await rm(layout.committed(await add(1, 1000)))
  assert.deepEqual(await plan(), [`entry ${imageId(1)}`])
  assert.deepEqual(await clean(), { ...nothing, orphans: 1 })
  assert.deepEqual(await driver.totals(), { count: 0, size: 0 })
})
