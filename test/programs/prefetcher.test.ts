import assert from 'node:assert/strict'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { type DriverName, drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { startProgram } from '../support/start-program.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const [a, b, c] = [imageId(1), imageId(2), imageId(3)]
const bytes = patternBytes(3_000_000)

/** A cache directory with these images queued, as `touch` does it, and the images in a store. */
async function scene(t: TestContext, driver: DriverName, ids: readonly string[]) {
  const upstream = await startUpstream(t)
  const dir = await tempDir(t)
  for (const id of ids) upstream.addImage({ id, bytes })
  const config = [
    `--image-cache-dir=${dir}`,
    `--image-cache-driver=${driver}`,
    '--cache-min-free-space=0',
    `--origin-url=${upstream.url}`,
  ]
  const names = async (place = '.') =>
    (await readdir(join(dir, place))).filter((name) => /^[0-9a-f-]{36}$/.test(name)).sort()
  return {
    upstream,
    dir,
    names,
    prefetcher: (...flags: string[]) => startProgram(t, 'cache-prefetcher.ts', [...flags, ...config]),
    server: (...flags: string[]) => startProxy(t, { upstream: upstream.url, driver, dir, flags }),
    /** Puts them into the queue; a server made the directory, or this does. */
    async queue(...queued: string[]) {
      for (const id of queued) await writeFile(join(dir, 'queue', id), '')
    },
  }
}

/** Bytes of the first image that lie in incomplete/. */
const received = (dir: string) =>
  stat(join(dir, 'incomplete', a)).then(
    ({ size }) => size,
    () => 0,
  )

for (const driver of drivers) {
  describe(`afterimage-cache-prefetcher, ${driver}`, () => {
    for (const isServed of [true, false]) {
      test(`${isServed ? 'through the server' : 'by itself'}: each is seen in incomplete/, then cached, its queue file gone`, async (t) => {
        const { upstream, dir, names, queue, prefetcher, server } = await scene(t, driver, [a, b, c])
        const proxy = await server()
        if (!isServed) await proxy.close()
        await queue(a, b, c)
        const stalls = [a, b, c].map((id) => upstream.nextFile(id, { stallAt: 1_000_000 }))
        const program = prefetcher()
        await deadline(Promise.all(stalls.map(({ reached }) => reached)), 'all are asked for at once')
        await eventually(async () => (await names('incomplete')).length === 3, 'each is seen in incomplete/')
        assert.deepEqual([await names(), await names('queue')], [[], [a, b, c]])
        for (const stall of stalls) stall.release()
        const { code, stdout, stderr } = await program.ended()
        assert.deepEqual([code, stderr], [0, ''])
        assert.deepEqual([await names(), await names('queue'), await names('incomplete')], [[a, b, c], [], []])
        for (const id of [a, b, c]) {
          assert((await readFile(join(dir, id))).equals(bytes))
          assert.equal(upstream.downloads(id).length, 1)
          assert.match(
            stdout,
            new RegExp(`^${id}: started \\(2\\.9 MiB.*\\)\n(.*\n)*${id}: cached \\(2\\.9 MiB in .*\\)$`, 'm'),
          )
        }
        assert.equal(stdout.split('\n').at(-2), 'Successfully cached all 3 images')
        if (isServed) assert.equal(await proxy.metric('afterimage_prefetches_total{outcome="cached"}'), 3)
      })
    }

    test('killed in the middle and run again: the rest is asked for, not the whole', async (t) => {
      const { upstream, dir, names, queue, prefetcher, server } = await scene(t, driver, [a])
      await (await server()).close()
      await queue(a)
      const stall = upstream.nextFile(a, { stallAt: 2_000_000 })
      const first = prefetcher()
      await deadline(stall.reached, 'most has been sent')
      await eventually(async () => (await received(dir)) >= 2_000_000, 'and written')
      first.kill('SIGKILL')
      assert.equal((await first.ended()).code, 'SIGKILL')
      assert.deepEqual([await names(), await names('queue'), await names('incomplete')], [[], [a], [a]])

      const { code, stdout } = await prefetcher().ended()
      assert.equal(code, 0)
      assert.match(stdout, /: started \(2\.9 MiB, 1\.9 MiB are there already\)\n/)
      assert.equal(upstream.downloads(a).at(-1)?.header('range'), 'bytes=2000000-')
      assert((await readFile(join(dir, a))).equals(bytes))
      assert.deepEqual(await names('queue'), [])
    })

    test('the server killed in the middle: says so, and goes on by itself when it is run again', async (t) => {
      const { upstream, dir, names, queue, prefetcher } = await scene(t, driver, [a])
      const server = startProgram(t, 'api.ts', [
        '--bind-port=0',
        '--management-bind-port=0',
        `--image-cache-dir=${dir}`,
        `--image-cache-driver=${driver}`,
        '--cache-min-free-space=0',
        `--origin-url=${upstream.url}`,
      ])
      await server.said('afterimage is ready')
      await queue(a)
      const stall = upstream.nextFile(a, { stallAt: 2_000_000 })
      const first = prefetcher()
      await deadline(stall.reached, 'most has been sent')
      await eventually(async () => (await received(dir)) >= 2_000_000, 'and written')
      await first.said(': started')
      server.kill('SIGKILL')
      const { code, stderr } = await first.ended()
      assert.deepEqual([code, stderr], [1, 'ERROR: the server broke off\n'])
      assert.equal((await prefetcher().ended()).code, 0)
      assert.equal(upstream.downloads(a).at(-1)?.header('range'), 'bytes=2000000-')
      assert.deepEqual([await names(), await names('queue')], [[a], []])
    })

    test('SIGTERM and SIGINT end it at once, with and without a server; what is incomplete stays resumable', async (t) => {
      const { upstream, dir, names, queue, prefetcher, server } = await scene(t, driver, [a, b])
      const proxy = await server('--cache-prefetch-concurrency=1')
      await queue(a, b)
      for (const [signal, code] of [
        ['SIGTERM', 143],
        ['SIGINT', 130],
      ] as const) {
        const stall = upstream.nextFile(a, { stallAt: 2_000_000 })
        const program = prefetcher('--cache-prefetch-concurrency=1')
        await deadline(stall.reached, 'a transfer is under way')
        await program.said(`${a}: started`)
        await eventually(async () => (await received(dir)) > 0, 'some of it has been written')
        program.kill(signal)
        assert.deepEqual([(await program.ended()).code, program.stderr()], [code, ''])
        if (signal === 'SIGTERM') {
          const fills = () => proxy.metric('afterimage_fills_in_progress')
          await eventually(async () => (await fills()) === 0, 'the server has stopped what nobody else wants')
          await proxy.close()
        }
        assert.deepEqual([await names('queue'), await names()], [[a, b], []])
      }
      const { code } = await prefetcher().ended()
      assert.equal(code, 0)
      assert.match(upstream.downloads(a).at(-1)?.header('range') ?? '', /^bytes=\d+-$/)
    })
  })
}

describe('cache.prefetch_interval', () => {
  test('the server looks into the queue by itself', async (t) => {
    const { upstream, dir, names, queue } = await scene(t, 'sqlite', [a])
    await startProxy(t, { upstream: upstream.url, driver: 'sqlite', dir, flags: ['--cache-prefetch-interval=1'] })
    await queue(a)
    await eventually(async () => (await names()).includes(a) && (await names('queue')).length === 0, 'it is fetched')
  })
})

describe('afterimage-cache-prefetcher', () => {
  const driver = 'sqlite'

  test('an empty queue, a failure with its reason, and --json', async (t) => {
    const { dir, queue, prefetcher, server, names } = await scene(t, driver, [a])
    const proxy = await server()
    for (const isServed of [true, false]) {
      if (!isServed) await proxy.close()
      const empty = await prefetcher().ended()
      assert.deepEqual(empty, { code: 0, stdout: 'Nothing to prefetch.\n', stderr: '' })
      await queue(b)
      const failed = await prefetcher().ended()
      const reason = 'the image store answers 404: there is no such image for whoever asked for it'
      assert.deepEqual([failed.code, failed.stderr], [1, ''])
      assert.equal(failed.stdout, `${b}: failed: ${reason}\nFailed to successfully cache all images in queue.\n`)
      assert.deepEqual(await names('queue'), [b])
      // The image that there is goes through the server; without one nothing is left of it to do.
      if (isServed) await queue(a)
      const { code, stdout } = await prefetcher('--json').ended()
      assert.equal(code, 1)
      const events: unknown[] = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      assert.deepEqual(events.at(-1), { done: true, cached: isServed ? 1 : 0, failed: 1 })
      assert.deepEqual(
        events.find((event) => JSON.stringify(event).includes('"failed","')),
        { image: b, state: 'failed', received: 0, reason },
      )
      await rm(join(dir, 'queue', b))
    }
  })

  test('a wrong configuration: 2, and one line; --help names what is its own', async (t) => {
    const { code, stderr, stdout } = await startProgram(t, 'cache-prefetcher.ts', ['--jsn']).ended()
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, /^--jsn: unknown flag;.*\n$/)
    const help = await startProgram(t, 'cache-prefetcher.ts', ['--help']).ended()
    assert.equal(help.code, 0)
    assert.match(help.stdout, /^Usage: afterimage-cache-prefetcher \[--json\] /)
    assert.match(help.stdout, /\n {2}--json {14}print a JSON object/)
    assert.match(help.stdout, /--image-cache-dir/)
  })
})
