import assert from 'node:assert/strict'
import { readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { openPrefetcher } from '../support/prefetcher.ts'
import { drivers } from '../support/proxy.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { whole } from '../support/upstream-words.ts'

const ids = [1, 2, 3, 4, 5, 6].map(imageId)
const [a, b, c] = [imageId(1), imageId(2), imageId(3)]
const bytes = patternBytes(300_000)

for (const driver of drivers) {
  describe(`the prefetcher, ${driver}`, () => {
    test('all that is queued is fetched in parallel: in incomplete/ first, then cached and out of the queue', async (t) => {
      const { upstream, queue, names, dir, metric, run } = await openPrefetcher(t, { driver })
      const stalls = []
      for (const id of [a, b, c]) {
        upstream.addImage({ id, bytes })
        stalls.push(upstream.nextFile(id, { stallAt: 100_000 }))
        await queue.add(id)
      }
      assert.equal(await metric('afterimage_queued_images'), 3)
      const running = run()
      await deadline(Promise.all(stalls.map(({ reached }) => reached)), 'all three are asked for at once')
      await eventually(async () => (await names('incomplete')).length === 3, 'each is seen in incomplete/')
      assert.deepEqual((await names('queue')).sort(), [a, b, c])
      assert.deepEqual(await names('.'), [])
      for (const stall of stalls) stall.release()
      const { events, summary } = await running
      assert.deepEqual(summary, { done: true, cached: 3, failed: 0 })
      for (const id of [a, b, c]) {
        const mine = events.filter(({ image }) => image === id)
        assert.deepEqual([mine[0]?.state, mine[0]?.size, mine[0]?.reason], ['started', 300_000, undefined])
        assert.deepEqual(mine.at(-1), {
          image: id,
          state: 'cached',
          received: 300_000,
          size: 300_000,
          reason: undefined,
        })
        assert((await readFile(join(dir, id))).equals(bytes))
      }
      assert.deepEqual(await names('queue'), [])
      assert.deepEqual(await names('incomplete'), [])
      assert.equal(await metric('afterimage_prefetches_total{outcome="cached"}'), 3)
      assert.equal(await metric('afterimage_queued_images'), 0)
      assert.deepEqual(await run(), { events: [], summary: { done: true, cached: 0, failed: 0 } }, 'nothing is left')
    })

    test('never more at once than the option says, the oldest first', async (t) => {
      const { upstream, queue, dir, run } = await openPrefetcher(t, { driver, concurrency: 2 })
      for (const [index, id] of ids.entries()) {
        upstream.addImage({ id, bytes })
        await queue.add(id)
        // Queued in the order of their numbers, the last one first.
        await utimes(join(dir, 'queue', id), 2000 - index, 2000 - index)
      }
      const stalls = ids.map((id) => upstream.nextFile(id, { stallAt: 1000 }))
      const running = run()
      for (let index = ids.length - 1; index >= 1; index -= 2) {
        await deadline(
          Promise.all([stalls[index]?.reached, stalls[index - 1]?.reached]),
          `images ${index}, ${index - 1}`,
        )
        const asked = ids.filter((id) => upstream.downloads(id).length > 0)
        assert.deepEqual(asked, ids.slice(index - 1), 'no other has been begun')
        stalls[index]?.release()
        stalls[index - 1]?.release()
      }
      assert.equal((await running).summary?.cached, ids.length)
    })

    test('one that fails holds up no other, is tried again, and is left in the queue with its reason', async (t) => {
      const { upstream, queue, run, metric } = await openPrefetcher(t, { driver, concurrency: 1 })
      for (const id of [a, b]) {
        upstream.addImage({ id, bytes })
        await queue.add(id)
      }
      upstream.everyFile(a, { status: 503, body: 'no' })
      const { events, summary } = await run()
      assert.deepEqual(summary, { done: true, cached: 1, failed: 1 })
      assert.deepEqual(
        events.map(({ image, state }) => `${image === a ? 'a' : 'b'} ${state}`).filter((line) => line !== 'b progress'),
        ['a progress', 'b started', 'b cached', 'a progress', 'a failed'],
      )
      assert.match(events[0]?.reason ?? '', /^the image store answers 503; tried again in 1 s$/)
      const [left, ...others] = await queue.list()
      assert.deepEqual(others, [])
      assert.deepEqual(
        { ...left, queuedAt: 0 },
        {
          id: a,
          queuedAt: 0,
          immediate: false,
          attempts: 3,
          reason: 'the image store answers 503',
          retryAt: undefined,
        },
      )
      assert.equal(await metric('afterimage_prefetches_total{outcome="postponed"}'), 2)
      assert.equal(await metric('afterimage_prefetches_total{outcome="failed"}'), 1)
      upstream.everyFile(a, undefined)
      assert.equal((await run()).summary?.cached, 1, 'the next run tries again')
      assert.deepEqual(await queue.list(), [])
    })

    test('a record that the store could not give once is asked for again', async (t) => {
      const { upstream, queue, run } = await openPrefetcher(t, { driver })
      upstream.addImage({ id: a, bytes })
      upstream.nextAnswer(
        ({ path }) => path.endsWith(`/v2/images/${a}`),
        async (_, wire) => {
          await wire.write(whole(503, 'no'))
          return 'keep'
        },
      )
      await queue.add(a)
      const { events, summary } = await run()
      assert.deepEqual(summary, { done: true, cached: 1, failed: 0 })
      assert.match(events[0]?.reason ?? '', /^no-record: .*; tried again in 1 s$/)
    })

    test('a definite answer is not asked for again at once; its reason says what it was', async (t) => {
      const { upstream, queue, run } = await openPrefetcher(t, { driver })
      upstream.addImage({ id: b, bytes, status: 'queued' })
      upstream.addImage({ id: c, bytes, status: 'deactivated' })
      upstream.addImage({ id: imageId(4), bytes, md5: '0'.repeat(32), omit: ['hash'] })
      for (const id of [a, b, c, imageId(4)]) await queue.add(id)
      assert.deepEqual((await run()).summary, { done: true, cached: 0, failed: 4 })
      const reasons = new Map((await queue.list()).map(({ id, reason, attempts }) => [id, `${attempts}: ${reason}`]))
      assert.equal(reasons.get(a), '1: the image store answers 404: there is no such image for whoever asked for it')
      assert.equal(reasons.get(b), "1: not-active: the image's status is queued")
      assert.equal(reasons.get(c), "1: not-active: the image's status is deactivated")
      assert.match(reasons.get(imageId(4)) ?? '', /^2: the bytes have digest [0-9a-f]{32}, declared is 0{32}$/)
      assert.equal(upstream.downloads(a).length, 1)
    })

    test('where all fills are taken it waits, however long, and that is no failed attempt', async (t) => {
      const { upstream, queue, run, metric } = await openPrefetcher(t, { driver, flags: ['--cache-max-fills=1'] })
      for (const id of [a, b]) {
        upstream.addImage({ id, bytes })
        await queue.add(id)
      }
      const stalls = [a, b].map((id) => upstream.nextFile(id, { stallAt: 1000 }))
      const running = run()
      await eventually(async () => (await metric('afterimage_prefetches_total{outcome="postponed"}')) > 3, 'it waits')
      const waiting = (await queue.list()).filter(({ reason }) => reason !== undefined)
      assert.deepEqual(
        waiting.map(({ attempts, reason }) => [attempts, reason]),
        [[0, 'busy: cache.max_fills (1) are under way']],
      )
      for (const stall of stalls) stall.release()
      assert.equal((await running).summary?.cached, 2)
    })

    test('an entry whose image is cached already is dropped, without a question', async (t) => {
      const { upstream, queue, names, run, prefetcher } = await openPrefetcher(t, { driver })
      upstream.addImage({ id: a, bytes })
      await queue.add(a)
      await run()
      const asked = upstream.requests.length
      await queue.add(a)
      assert.deepEqual((await run()).summary, { done: true, cached: 1, failed: 0 })
      await prefetcher.start(a)
      await eventually(async () => (await names('queue')).length === 0, 'asked for at once, and there already')
      assert.equal(upstream.requests.length, asked)
    })

    test('a file that Glance left without facts is proven, not downloaded', async (t) => {
      const { upstream, queue, dir, run } = await openPrefetcher(t, { driver })
      upstream.addImage({ id: a, bytes })
      await writeFile(join(dir, a), bytes)
      await queue.add(a)
      assert.equal((await run()).summary?.cached, 1)
      assert.equal(upstream.downloads(a).length, 0)
      assert.deepEqual(await queue.list(), [])
    })

    test('a transfer that breaks goes on where it was, within one attempt', async (t) => {
      const { upstream, queue, run, dir } = await openPrefetcher(t, { driver })
      upstream.addImage({ id: a, bytes })
      upstream.nextFile(a, { resetAt: 200_000 })
      await queue.add(a)
      assert.equal((await run()).summary?.cached, 1)
      assert.equal(upstream.downloads(a).at(-1)?.header('range'), 'bytes=200000-')
      assert((await readFile(join(dir, a))).equals(bytes))
    })
  })
}

test('an interval that is longer than a timer can count is no flood of looks', async (t) => {
  const { queue, prefetcher } = await openPrefetcher(t, { driver: 'sqlite' })
  let looks = 0
  const list = queue.list.bind(queue)
  Object.assign(queue, { list: () => [list(), looks++][0] })
  await prefetcher.resume(2 ** 32)
  let ticks = 0
  const ticking = setInterval(() => ticks++, 2)
  await eventually(() => ticks > 20, 'a while passes')
  clearInterval(ticking)
  assert.equal(looks, 1, 'the one at the start')
})
