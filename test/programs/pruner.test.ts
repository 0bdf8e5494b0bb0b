import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { imageSize, startManaged } from '../support/managed.ts'
import { type DriverName, drivers, startProxy } from '../support/proxy.ts'
import { startProgram } from '../support/start-program.ts'
import { openStoreScene } from '../support/store-scene.ts'
import { tempDir } from '../support/temp-dir.ts'
import { pattern } from '../support/upstream-bytes.ts'

/** Runs the pruner on this directory to its end. */
const run = (t: TestContext, driver: DriverName, dir: string, maxSize: number, ...flags: string[]) =>
  startProgram(t, 'cache-pruner.ts', [
    ...flags,
    `--image-cache-dir=${dir}`,
    `--image-cache-driver=${driver}`,
    `--image-cache-max-size=${maxSize}`,
  ]).ended()

const large = imageId(90)
/** More than a connection takes in while nobody reads. */
const largeSize = 32 << 20

for (const driver of drivers) {
  describe(`afterimage-cache-pruner, ${driver}`, () => {
    test('beside a running server: says what would go and why, then does just that', async (t) => {
      const { upstream, proxy, cached } = await startManaged(t, driver, ['--management-auth=none'])
      await cached(1, 2, 3, 4, 5)
      // A slow client: it holds the image open whatever its connection takes in.
      upstream.addImage({ id: large, bytes: pattern(largeSize) })
      assert((await get(proxy.image(large))).complete)
      await proxy.committed(large)
      const slow = await open(proxy.image(large))
      slow.pause()
      await eventually(() => slow.received() > 0, 'the slow client is being served')
      const pin = await get(`${proxy.url}/api/v1/cache/images/${imageId(2)}/pin`, { method: 'PUT' })
      assert.equal(pin.status, 204)

      const limit = largeSize + 2 * imageSize
      const before = await Promise.all([1, 2, 3].map((number) => stat(join(proxy.dir, imageId(number)))))
      const shown = await run(t, driver, proxy.dir, limit, '--dry-run')
      assert.deepEqual([shown.code, shown.stderr], [0, ''])
      const rows = shown.stdout.split('\n').filter((line) => line.includes('0000'))
      assert.deepEqual(
        rows.map((row) =>
          row
            .split('|')
            .map((cell) => cell.trim())
            .filter((_, at) => ![0, 5, 10].includes(at))
            .join(' '),
        ),
        [1, 2, 3, 4, 5]
          .map((number) => {
            const why =
              number === 2 ? 'yes no no pinned' : number < 5 ? 'no no yes least recently used' : 'no no no fits'
            return `${number} ${imageId(number)} ${imageSize} 0 ${why}`
          })
          .concat(`6 ${large} ${largeSize} 0 no yes no fits`),
      )
      assert.match(rows[0] ?? '', / \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d /)
      assert.match(shown.stdout, /\nWould prune 3 images, 30720 bytes\n$/)
      assert.equal((await proxy.names()).length, 6)
      const after = await Promise.all([1, 2, 3].map((number) => stat(join(proxy.dir, imageId(number)))))
      assert.deepEqual(
        after.map(({ atimeMs, ctimeMs }) => [atimeMs, ctimeMs]),
        before.map(({ atimeMs, ctimeMs }) => [atimeMs, ctimeMs]),
      )

      assert.deepEqual(await run(t, driver, proxy.dir, limit), {
        code: 0,
        stdout: 'Pruned 3 images, 30720 bytes\n',
        stderr: '',
      })
      assert.deepEqual(await proxy.names(), [imageId(2), imageId(5), large])
      assert.equal(await proxy.metric('afterimage_cached_images'), 3)

      const emptied = await run(t, driver, proxy.dir, 0, '--json')
      assert.deepEqual(JSON.parse(emptied.stdout), { total_files_pruned: 1, total_bytes_pruned: imageSize })
      assert.deepEqual(await proxy.names(), [imageId(2), large])
      slow.resume()
      const got = await deadline(slow.rest, 'the slow client gets the rest')
      assert(got.complete && got.body.length === largeSize)
    })

    test('two at once remove no more than needed', async (t) => {
      const { layout, add, cached } = await openStoreScene(t, driver)
      for (let number = 1; number <= 60; number++) await add(number, 1000)
      const both = await Promise.all([0, 1].map(() => run(t, driver, layout.dir, 20_000, '--json')))
      const pruned = both.map(({ stdout }) => Number(JSON.parse(stdout).total_files_pruned))
      assert.equal((pruned[0] ?? 0) + (pruned[1] ?? 0), 40)
      assert.deepEqual(
        await cached(),
        Array.from({ length: 20 }, (_, index) => imageId(index + 41)),
      )
    })

    test('--dry-run --json: an object a line', async (t) => {
      const { layout, add, driver: store } = await openStoreScene(t, driver)
      await add(1, 1000, { hits: 3, pinned: true })
      await add(2, 1000)
      const entry = await store.get(imageId(2))
      const { stdout } = await run(t, driver, layout.dir, 0, '--dry-run', '--json')
      const verdicts = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      assert.deepEqual(
        verdicts.map(({ id, hits, pinned, prune, reason }) => [id, hits, pinned, prune, reason]),
        [
          [imageId(1), 3, true, false, 'pinned'],
          [imageId(2), 0, false, true, 'least-recently-used'],
        ],
      )
      const accessed_at = entry?.accessedAt
      const { hits: _, pinned: __, ...second } = verdicts[1]
      const reason = 'least-recently-used'
      assert.deepEqual(second, { rank: 2, id: imageId(2), size: 1000, accessed_at, in_use: false, prune: true, reason })
    })

    test('prune_interval: the server prunes by itself', async (t) => {
      const { layout, add } = await openStoreScene(t, driver)
      for (const number of [1, 2, 3]) await add(number, 1000)
      const flags = ['--image-cache-max-size=1000', '--cache-prune-interval=1']
      const proxy = await startProxy(t, { images: await tempDir(t), driver, dir: layout.dir, flags })
      await eventually(async () => (await proxy.names()).length === 1, 'the oldest are pruned')
      assert.deepEqual(await proxy.names(), [imageId(3)])
      assert.equal(await proxy.metric('afterimage_evictions_total{cause="space"}'), 2)
    })
  })
}

describe('afterimage-cache-pruner', () => {
  test('a wrong configuration: one line, exit code 2, nothing done', async (t) => {
    const dir = await tempDir(t)
    const { code, stdout, stderr } = await startProgram(t, 'cache-pruner.ts', [
      `--image-cache-dir=${dir}/made`,
      '--image-cache-max-size=-1',
    ]).ended()
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, /^\[DEFAULT\] image_cache_max_size = "-1" from --image-cache-max-size: .*\n$/)
    await assert.rejects(stat(join(dir, 'made')), { code: 'ENOENT' })
  })

  test('a failure: ERROR: on stderr, exit code 1', async (t) => {
    const { layout } = await openStoreScene(t, 'xattr')
    const args = [`--image-cache-dir=${layout.dir}`, '--image-cache-sqlite-db=/dev/null/none']
    const { code, stdout, stderr } = await startProgram(t, 'cache-pruner.ts', args).ended()
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /^ERROR: metadata driver sqlite: .*\n$/)
  })

  test('--help names its own flags', async (t) => {
    const { code, stdout } = await startProgram(t, 'cache-pruner.ts', ['--help']).ended()
    assert.equal(code, 0)
    assert.match(stdout, /^Usage: afterimage-cache-pruner \[--dry-run\] \[--json\] /)
  })
})
