import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { PrefetchEvent } from '../../src/management/prefetch-events.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { beginFill } from '../support/image-cache.ts'
import { imageId } from '../support/image-id.ts'
import { openPrefetcher } from '../support/prefetcher.ts'
import { drivers } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { callerOf, nobody } from '../support/upstream-glance.ts'

const [a, b, c] = [imageId(1), imageId(2), imageId(3)]
const bytes = patternBytes(300_000)
/** More than what lies in the buffers between two processes. */
const large = patternBytes(8_000_000)

for (const driver of drivers) {
  describe(`prefetching at once, ${driver}`, () => {
    test('begins without a run, and before those that only wait; the queue entry is there meanwhile', async (t) => {
      const { upstream, queue, prefetcher, cached, names, run } = await openPrefetcher(t, { driver, concurrency: 1 })
      for (const id of [a, b, c]) upstream.addImage({ id, bytes })
      const stall = upstream.nextFile(a, { stallAt: 1000 })
      await queue.add(a)
      await queue.add(b)
      const running = run()
      await deadline(stall.reached, 'the oldest is under way')
      await prefetcher.start(c)
      assert((await names('queue')).includes(c))
      assert.equal((await queue.get(c))?.immediate, true)
      stall.release()
      await running
      await cached(c)
      const order = upstream.requests
        .filter(({ path }) => path.endsWith('/file'))
        .map(({ path }) => path.split('/').at(-2))
      assert.deepEqual(order, [a, c, b])
    })

    test('where nothing can be noted of the entry, too', async (t) => {
      const { upstream, queue, prefetcher, cache, cached, dir } = await openPrefetcher(t, { driver })
      upstream.addImage({ id: a, bytes })
      // Neither written nor removed like a file.
      await mkdir(join(dir, '.afterimage', 'queue', a))
      await queue.add(a)
      await prefetcher.start(a)
      await cached(a)
      await eventually(() => cache.fills().length === 0, 'the fill has ended')
      const hit = await cache.open(a)
      hit?.close()
      assert.equal(hit?.facts.size, bytes.length)
    })

    test('with the token of whoever asked, which is nowhere on disk; with own credentials where there are some', async (t) => {
      for (const own of [undefined, callerOf('own-token')]) {
        const { upstream, prefetcher, queue, dir, cached } = await openPrefetcher(t, {
          driver,
          pausesMs: [50_000],
          ...(own === undefined ? {} : { own }),
        })
        upstream.addImage({ id: a, bytes })
        upstream.access.know('asker-token', 'own-token')
        upstream.nextFile(a, { status: 502, body: 'no' })
        await prefetcher.start(a, callerOf('asker-token'))
        await eventually(async () => (await queue.get(a))?.reason !== undefined, 'the first attempt has failed')
        for (const name of await readdir(dir, { recursive: true, withFileTypes: true })) {
          if (name.isFile())
            assert(!(await readFile(join(name.parentPath, name.name))).includes('asker-token'), name.name)
        }
        const entry = await queue.get(a)
        assert.equal(entry?.attempts, 1)
        assert((entry?.retryAt ?? 0) > Date.now() + 40_000)
        // Asked again: the pause ends.
        await prefetcher.start(a)
        await cached(a)
        const tokens = new Set(upstream.requests.map((request) => request.header('x-auth-token')))
        assert.deepEqual([...tokens], [own === undefined ? 'asker-token' : 'own-token'])
      }
    })

    test('nobody’s credentials will do: the reason says so', async (t) => {
      const { upstream, prefetcher, queue } = await openPrefetcher(t, { driver })
      upstream.addImage({ id: a, bytes })
      upstream.access.know('somebody')
      await prefetcher.start(a)
      await eventually(async () => /answers 401/.test((await queue.get(a))?.reason ?? ''), 'its reason is shown')
    })

    test('shares the fill of a client; and its own is not given up although no client reads it', async (t) => {
      const { upstream, prefetcher, queue, cache, cached } = await openPrefetcher(t, {
        driver,
        flags: ['--cache-max-fills=4'],
      })
      const stalls = [a, b, c].map((id) => {
        upstream.addImage({ id, bytes })
        return upstream.nextFile(id, { stallAt: 100_000 })
      })
      const fill = await beginFill(cache, a)
      const reader = fill.open(bytes.length, nobody)
      for (const id of [a, b, c]) await prefetcher.start(id)
      await eventually(() => cache.fills().length === 3, 'all are under way')
      // One fill that nobody reads is all that max_fills leaves to clients: these are wanted.
      reader.close()
      assert.equal(cache.fills().length, 3)
      for (const stall of stalls) stall.release()
      for (const id of [a, b, c]) await cached(id)
      for (const id of [a, b, c]) assert.equal(upstream.downloads(id).length, 1)
      assert.deepEqual(await queue.list(), [])
    })

    test('a cancel stops the fill at once and leaves what there is; one that waits never begins', async (t) => {
      const { upstream, prefetcher, queue, cache, names, run, underWay } = await openPrefetcher(t, {
        driver,
        concurrency: 1,
      })
      for (const id of [a, b]) upstream.addImage({ id, bytes })
      upstream.nextFile(a, { stallAt: 100_000 })
      await prefetcher.start(a)
      await underWay(a)
      await prefetcher.start(b)
      assert.equal(await deadline(prefetcher.cancel(b), 'the waiting one is cancelled'), true)
      assert.equal(await deadline(prefetcher.cancel(a), 'the running one is cancelled'), true)
      assert.deepEqual(cache.fills(), [])
      assert.deepEqual(await queue.list(), [])
      assert.deepEqual(await names('incomplete'), [a])
      assert.equal(upstream.downloads(b).length, 0)
      assert.equal(await prefetcher.cancel(a), false)
      await queue.add(a)
      assert.equal((await run()).summary?.cached, 1)
      assert.match(
        upstream.downloads(a).at(-1)?.header('range') ?? '',
        /^bytes=\d+-$/,
        'what there was is gone on with',
      )
    })

    test('while somebody still reads what a fill has left, the store is not asked again and again', async (t) => {
      const { upstream, queue, prefetcher, cache, cached } = await openPrefetcher(t, { driver, pausesMs: [300] })
      upstream.addImage({ id: a, bytes })
      upstream.nextFile(a, { stallAt: 100_000 })
      const fill = await beginFill(cache, a)
      const reader = fill.open(bytes.length, nobody)
      await eventually(() => fill.received === 100_000, 'some of it has arrived')
      await fill.stop()
      const asked = upstream.downloads(a).length
      await prefetcher.start(a)
      await eventually(async () => (await queue.get(a))?.reason !== undefined, 'it waits')
      assert.match((await queue.get(a))?.reason ?? '', /^busy: /)
      assert.ok(upstream.downloads(a).length - asked <= 2, `${upstream.downloads(a).length - asked} downloads`)
      reader.close()
      await cached(a)
    })

    test('a cancel does not wait for a store that is silent, and leaves a client its fill', async (t) => {
      const { upstream, prefetcher, cache, queue } = await openPrefetcher(t, { driver })
      for (const id of [a, b]) upstream.addImage({ id, bytes })
      const silent = upstream.nextFile(a, { holdHeaders: true })
      await prefetcher.start(a)
      await deadline(silent.reached, 'the store is asked')
      assert.equal(await deadline(prefetcher.cancel(a), 'the cancel', 2000), true)
      silent.release()
      await eventually(() => cache.fills().length === 0, 'what came of it is put away')

      const stall = upstream.nextFile(b, { stallAt: 100_000 })
      await prefetcher.start(b)
      await eventually(() => cache.arriving(b) !== undefined, 'the fill is under way')
      const fill = cache.arriving(b)
      assert(fill !== undefined)
      const reader = fill.open(bytes.length, nobody)
      await prefetcher.cancel(b)
      assert.equal(fill.ended, false)
      stall.release()
      assert.equal(await deadline(fill.done, 'the fill ends'), 'committed')
      reader.close()
      assert.deepEqual(await queue.list(), [])
    })

    test('cancelAll takes all out and stops all; an entry that was removed by hand is not fetched', async (t) => {
      const { upstream, prefetcher, queue, cache, dir, run, underWay } = await openPrefetcher(t, {
        driver,
        concurrency: 1,
      })
      for (const id of [a, b, c]) upstream.addImage({ id, bytes })
      upstream.nextFile(a, { stallAt: 100_000 })
      for (const id of [a, b, c]) await prefetcher.start(id)
      await underWay(a)
      await rm(join(dir, 'queue', c))
      assert.equal(await deadline(prefetcher.cancelAll(), 'all are cancelled'), 2)
      assert.deepEqual([cache.fills(), await queue.list()], [[], []])

      const again = upstream.nextFile(a, { stallAt: 200_000 })
      for (const id of [a, b]) await queue.add(id)
      const running = run()
      await deadline(again.reached, 'one is under way again')
      await rm(join(dir, 'queue', b))
      again.release()
      const { events, summary } = await running
      assert.deepEqual(summary, { done: true, cached: 1, failed: 1 })
      assert.equal(events.find(({ state }) => state === 'failed')?.reason, 'it was taken out of the queue')
      assert.deepEqual([upstream.downloads(b).length, upstream.downloads(c).length], [0, 0])
    })

    test('what was begun at once goes on after a restart where it was; what waits for the prefetcher waits', async (t) => {
      const upstream = await startUpstream(t)
      const dir = await tempDir(t)
      for (const id of [a, b, c]) upstream.addImage({ id, bytes })
      const first = await openPrefetcher(t, { driver, upstream, dir })
      upstream.nextFile(a, { stallAt: 100_000 })
      upstream.nextFile(c, { status: 404, body: 'no' })
      await first.queue.add(b)
      await first.prefetcher.start(a)
      await first.prefetcher.start(c)
      await first.underWay(a)
      await eventually(async () => (await first.queue.get(c))?.reason !== undefined, 'one was given up')
      await first.close()
      assert.deepEqual((await first.names('queue')).sort(), [a, b, c])

      const second = await openPrefetcher(t, { driver, upstream, dir })
      await second.prefetcher.resume(0)
      await second.cached(a)
      assert.match(upstream.downloads(a).at(-1)?.header('range') ?? '', /^bytes=\d+-$/)
      assert.deepEqual(
        (await second.queue.list()).map(({ id }) => id),
        [b, c],
      )
      assert.deepEqual([upstream.downloads(b).length, upstream.downloads(c).length], [0, 1])
      await second.close()

      const third = await openPrefetcher(t, { driver, upstream, dir })
      await third.prefetcher.resume(30)
      await third.cached(b)
      await third.cached(c)
    })

    test('another process is filling it: one download, and both know when it is there', async (t) => {
      const upstream = await startUpstream(t)
      const dir = await tempDir(t)
      upstream.addImage({ id: a, bytes: large })
      const one = await openPrefetcher(t, { driver, upstream, dir })
      const two = await openPrefetcher(t, { driver, upstream, dir })
      const stall = upstream.nextFile(a, { stallAt: 5_000_000 })
      await one.queue.add(a)
      const first = one.run()
      await deadline(stall.reached, 'the first one fills')
      const second = two.run()
      await eventually(() => upstream.fileRequests(a).length === 2, 'the second one has asked whether it may')
      stall.release()
      for (const running of [first, second])
        assert.deepEqual((await running).summary, { done: true, cached: 1, failed: 0 })
      assert.equal(upstream.downloads(a).length, 1)
    })

    test('the other process goes in the middle: this one goes on where that one was', async (t) => {
      const upstream = await startUpstream(t)
      const dir = await tempDir(t)
      upstream.addImage({ id: a, bytes })
      const one = await openPrefetcher(t, { driver, upstream, dir })
      const two = await openPrefetcher(t, { driver, upstream, dir })
      upstream.nextFile(a, { stallAt: 200_000 })
      await one.queue.add(a)
      const first = one.run()
      await one.underWay(a)
      const second = two.run()
      await eventually(() => upstream.fileRequests(a).length === 2, 'the second one has asked whether it may')
      await one.close()
      assert.equal((await first).events.at(-1)?.reason, 'it was stopped')
      assert.equal((await second).summary?.cached, 1)
      assert.match(upstream.downloads(a).at(-1)?.header('range') ?? '', /^bytes=\d+-$/)
      assert((await readFile(join(dir, a))).equals(bytes))
    })

    test('whoever leaves a run stops what nobody else wants; it stays queued and resumable', async (t) => {
      const { upstream, prefetcher, queue, cache, run, underWay } = await openPrefetcher(t, { driver })
      for (const id of [a, b]) upstream.addImage({ id, bytes })
      const stalls = [a, b].map((id) => upstream.nextFile(id, { stallAt: 100_000 }))
      await queue.add(a)
      await prefetcher.start(b)
      const running = prefetcher.runQueued()
      const started: PrefetchEvent[] = []
      while (started.length < 2) {
        const { value } = await deadline(running.next(), 'both start')
        if (value !== undefined && 'image' in value && value.state === 'started') started.push(value)
      }
      for (const id of [a, b]) await underWay(id)
      await deadline(running.return(), 'the run is left')
      assert.deepEqual(
        cache.fills().map(({ id }) => id),
        [b],
        'what was asked for at once goes on',
      )
      assert.deepEqual(
        (await queue.list()).map(({ id }) => id),
        [a, b],
      )
      stalls[1]?.release()
      assert.equal((await run()).summary?.cached, 2)
      assert.match(upstream.downloads(a).at(-1)?.header('range') ?? '', /^bytes=\d+-$/)
    })
  })
}
