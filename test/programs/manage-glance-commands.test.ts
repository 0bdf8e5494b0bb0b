import assert from 'node:assert/strict'
import { stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { get } from '../support/client.ts'
import { imageId } from '../support/image-id.ts'
import { type RunOptions, runManage } from '../support/manage-program.ts'
import { drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const [one, two, three] = [imageId(1), imageId(2), imageId(3)]

for (const driver of drivers) {
  test(`Glance's commands over a real server, ${driver}`, async (t) => {
    const up = await startUpstream(t)
    up.addImage({ id: one, bytes: patternBytes(300_000) })
    up.addImage({ id: two, bytes: patternBytes(1000) })
    const proxy = await startProxy(t, { upstream: up.url, driver, flags: ['--management-auth=none'] })
    const port = new URL(proxy.url).port
    const run = (args: readonly string[], options: RunOptions = {}) => runManage(['-p', port, ...args], options)
    const says = async (args: readonly string[], stdout: string, options: RunOptions = {}) =>
      assert.deepEqual(await run(args, options), { code: 0, stdout, stderr: '' })

    await t.test('nothing there', async () => {
      await says(['list-cached'], 'No cached images.\n')
      await says(['list-queued'], 'No queued images.\n')
      await says(['--json', 'list-cached'], '{"cached_images":[]}\n')
    })

    await t.test('queue-image asks first; what it makes is an empty file and nothing else', async () => {
      const question = `Queue image ${one} for caching? [y/N] `
      for (const stdin of ['n\n', '\n', 'yes please\n', 'yy\n']) await says(['queue-image', one], question, { stdin })
      assert.equal((await run(['queue-image', one])).code, 1, 'nobody answers')
      assert.deepEqual(await proxy.names('queue'), [])
      await says(['queue-image', one], question, { stdin: 'Y\n' })
      assert.deepEqual(await proxy.names('queue'), [one])
      assert.equal((await stat(join(proxy.dir, 'queue', one))).size, 0)
      assert.deepEqual([await proxy.names(), await proxy.names('incomplete'), up.downloads(one)], [[], [], []])
    })

    await t.test('several at once, each with its question; list-queued has the oldest first', async () => {
      const stdin = 'no\nYES\n'
      await says(
        ['queue-image', two, three.toUpperCase(), two],
        `Queue image ${two} for caching? [y/N] Queue image ${three} for caching? [y/N] `,
        { stdin },
      )
      const { stdout } = await run(['-fv', 'queue-image', two])
      assert.match(stdout, new RegExp(`^Queued image ${two} for caching\nCompleted in \\d+\\.\\d{4} sec\\.\n$`))
      for (const [id, age] of [
        [three, 30],
        [one, 20],
        [two, 10],
      ] as const) {
        const at = Date.now() / 1000 - age
        await utimes(join(proxy.dir, 'queue', id), at, at)
      }
      const rule = `+${'-'.repeat(38)}+`
      const title = `|${' '.repeat(18)}ID${' '.repeat(18)}|`
      const rows = [three, one, two].map((id) => `| ${id} |`)
      await says(['list-queued'], `${['Found 3 queued images...', rule, title, rule, ...rows, rule].join('\n')}\n`)
      await says(['list-queued', '--json'], `${JSON.stringify({ queued_images: [three, one, two] })}\n`)
      const long = await run(['list-queued', '--long'])
      assert.match(
        long.stdout,
        /^\| +ID +\| +Queued \(UTC\) +\| Fetched by \| Attempts \| Next Attempt \(UTC\) \| Reason \|$/m,
      )
      assert.match(
        long.stdout,
        new RegExp(`^\\| ${three} \\| \\d{4}-\\d\\d-\\d\\dT[\\d:]{8} \\| prefetcher \\| +0 +\\|`, 'm'),
      )
    })

    await t.test('delete-queued-image and delete-all-queued-images', async () => {
      const question = `Delete queued image ${three}? [y/N] `
      await says(['delete-queued-image', three], question, { stdin: 'n\n' })
      await says(['delete-queued-image', three], question, { stdin: 'y\n' })
      assert.deepEqual(await proxy.names('queue'), [one, two])
      await says(['delete-all-queued-images'], 'Delete all queued images? [y/N] ', { stdin: 'n\n' })
      const { stdout } = await run(['-v', 'delete-all-queued-images'], { stdin: 'y\n' })
      assert.match(stdout, /^Delete all queued images\? \[y\/N\] Deleted 2 queued images\nCompleted in /)
      assert.deepEqual(await proxy.names('queue'), [])
      // What is not there is as it should be.
      await says(['-f', 'delete-queued-image', three], '')
    })

    await t.test('list-cached shows what was downloaded, as ls does', async () => {
      for (const id of [one, two, one]) {
        assert.equal((await get(proxy.image(id), { headers: { 'X-Auth-Token': 'a' } })).status, 200)
        await proxy.committed(id)
      }
      const { code, stdout } = await run(['list-cached'])
      assert.equal(code, 0)
      const [found, rule, title, , ...rows] = stdout.trimEnd().split('\n')
      assert.equal(found, 'Found 2 cached images...')
      assert.match(rule ?? '', /^\+-{38}\+-+\+-+\+-{8}\+-{6}\+$/)
      assert.match(
        title ?? '',
        /^\| {18}ID {18}\| +Last Accessed \(UTC\) +\| +Last Modified \(UTC\) +\| {3}Size \| Hits \|$/,
      )
      assert.equal(rows.pop(), rule)
      const time = ' +\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{6})? +'
      for (const [at, [id, size]] of [
        [one, 300_000],
        [two, 1000],
      ].entries()) {
        const row = rows[at] ?? ''
        assert.match(row, new RegExp(`^\\| ${id} \\|${time}\\|${time}\\| +${size} \\| +\\d+ \\|$`))
        assert.equal((await stat(join(proxy.dir, String(id)))).size, size)
      }
      assert.equal(rows.length, 2)
      const listed = JSON.parse((await run(['list-cached', '--json'])).stdout)
      assert.deepEqual(
        listed.cached_images.map((image: { image_id: string; size: number }) => [image.image_id, image.size]),
        [
          [one, 300_000],
          [two, 1000],
        ],
      )
    })

    await t.test('what was put into the queue by hand is listed', async () => {
      await writeFile(join(proxy.dir, 'queue', three), '')
      assert.match((await run(['list-queued'])).stdout, new RegExp(`^\\| ${three} \\|$`, 'm'))
    })

    await t.test('delete-cached-image and delete-all-cached-images', async () => {
      await says(['-f', 'delete-cached-image', three, one], '')
      assert.equal((await run(['delete-cached-image', two])).code, 1, 'nobody answers')
      assert.deepEqual(await proxy.names(), [two])
      await says(['delete-cached-image', two], `Delete cached image ${two}? [y/N] `, { stdin: 'yes\n' })
      assert.deepEqual(await proxy.names(), [])
      await get(proxy.image(two), { headers: { 'X-Auth-Token': 'a' } })
      await proxy.committed(two)
      await says(['delete-all-cached-images'], 'Delete all cached images? [y/N] ', { stdin: 'n\n' })
      assert.deepEqual(await proxy.names(), [two])
      const { stdout } = await run(['-v', 'delete-all-cached-images', '--force'])
      assert.match(stdout, /^Deleted \d cached images\nCompleted in /)
      assert.deepEqual(await proxy.names(), [])
    })
  })
}

test('a server whose cache is not to be managed', async (t) => {
  const up = await startUpstream(t)
  const proxy = await startProxy(t, { upstream: up.url, driver: 'sqlite', flags: ['--management-auth=disabled'] })
  const { port } = new URL(proxy.url)
  const stdout = 'Cache management middleware not enabled on host 127.0.0.1\n'
  for (const args of [
    ['list-cached'],
    ['list-queued'],
    ['-f', 'queue-image', one],
    ['-f', 'delete-all-cached-images'],
  ]) {
    assert.deepEqual(await runManage(['-p', port, ...args]), { code: 1, stdout, stderr: '' })
  }
})
