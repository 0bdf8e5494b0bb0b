import assert from 'node:assert/strict'
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { describe, type TestContext, test } from 'node:test'
import { openLayout } from '../../src/cache/layout.ts'
import { open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { startManaged } from '../support/managed.ts'
import { type DriverName, drivers } from '../support/proxy.ts'
import { startProgram } from '../support/start-program.ts'
import { openStoreScene } from '../support/store-scene.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

/** Runs the cleaner on this directory to its end. */
const run = (t: TestContext, driver: DriverName, dir: string, ...flags: string[]) =>
  startProgram(t, 'cache-cleaner.ts', [`--image-cache-dir=${dir}`, `--image-cache-driver=${driver}`, ...flags]).ended()

const bytes = patternBytes(2_000_000)
const atOnce = '--image-cache-stall-time=0'

for (const driver of drivers) {
  describe(`afterimage-cache-cleaner, ${driver}`, () => {
    test('beside a running server: what it is filling is kept, what is of no use goes', async (t) => {
      const { upstream, proxy, cached } = await startManaged(t, driver)
      const layout = await openLayout(proxy.dir)
      const [removed, kept] = await cached(1, 2)
      upstream.addImage({ id: imageId(3), bytes })
      const stall = upstream.nextFile(imageId(3), { stallAt: 1_000_000 })
      const client = await open(proxy.image(imageId(3)))
      await stall.reached
      await eventually(async () => (await proxy.names('incomplete')).length === 1, 'the fill has its file')
      await utimes(layout.incomplete(imageId(3)), 1000, 1000)
      await writeFile(layout.invalid(imageId(4)), Buffer.alloc(500))
      await writeFile(layout.incomplete(imageId(5)), Buffer.alloc(100))
      await writeFile(layout.queued(kept ?? ''), '')
      await writeFile(layout.queued(imageId(6)), '')
      await rm(layout.committed(removed ?? ''))

      const shown = await run(t, driver, proxy.dir, atOnce, '--dry-run', '--json')
      const found = shown.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      const orphans = [{ reason: 'queued', name: kept, size: 0 }]
      if (driver === 'sqlite') orphans.unshift({ reason: 'entry', name: removed, size: 0 })
      const files = [
        { reason: 'invalid', name: imageId(4), size: 500 },
        { reason: 'stalled', name: imageId(5), size: 100 },
      ]
      assert.deepEqual(found, [...files, ...orphans])
      assert.deepEqual(await proxy.names('incomplete'), [imageId(3), imageId(5)])

      assert.deepEqual(await run(t, driver, proxy.dir, atOnce), {
        code: 0,
        stdout: `Removed 1 invalid and 1 stalled images, 600 bytes; put right ${orphans.length} orphans\n`,
        stderr: '',
      })
      assert.deepEqual(await proxy.names('incomplete'), [imageId(3)])
      assert.deepEqual(await proxy.names('invalid'), [])
      assert.deepEqual(await proxy.names('queue'), [imageId(6)])
      assert.equal(await proxy.metric('afterimage_cached_images'), 1)
      stall.release()
      const got = await deadline(client.rest, 'the client gets the rest')
      assert(got.complete && got.body.equals(bytes))
      await proxy.committed(imageId(3))
      assert.deepEqual(await proxy.names(), [kept, imageId(3)])
    })

    test('without a server: nothing that is recent; tables for people; --json for programs', async (t) => {
      const { layout, cached, add } = await openStoreScene(t, driver)
      await add(1, 1000)
      await writeFile(layout.incomplete(imageId(2)), 'abc')
      const none = { code: 0, stdout: '{"invalid":0,"stalled":0,"orphans":0,"bytes":0}\n', stderr: '' }
      assert.deepEqual(await run(t, driver, layout.dir, '--json'), none)
      const { stdout } = await run(t, driver, layout.dir, atOnce, '--dry-run')
      assert.match(
        stdout,
        new RegExp(`^\\| ${imageId(2)} \\| +3 \\| incomplete, not changed for the stall time \\|$`, 'm'),
      )
      const some = { ...none, stdout: '{"invalid":0,"stalled":1,"orphans":0,"bytes":3}\n' }
      assert.deepEqual(await run(t, driver, layout.dir, atOnce, '--json'), some)
      assert.deepEqual([await cached(), await readdir(layout.incompleteDir)], [[imageId(1)], []])
    })
  })
}

test('what cannot be removed: ERROR: on stderr and exit code 1, the rest is done', async (t) => {
  const { layout } = await openStoreScene(t, 'xattr')
  await mkdir(layout.fillRecord(imageId(1)))
  await writeFile(layout.invalid(imageId(2)), 'abc')
  const { code, stdout, stderr } = await run(t, 'xattr', layout.dir, '--json')
  assert.deepEqual([code, stdout], [1, '{"invalid":1,"stalled":0,"orphans":0,"bytes":3}\n'])
  assert.match(stderr, new RegExp(`^ERROR: reconciling ${imageId(1)}: .*\n$`))
})
