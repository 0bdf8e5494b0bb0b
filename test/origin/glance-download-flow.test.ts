import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadline, eventually } from '../support/deadline.ts'
import { pattern, patternBytes } from '../support/upstream-bytes.ts'
import { because, began, bodyOf, nobody, scripted } from '../support/upstream-glance.ts'
import { standsStill } from '../support/upstream-rest.ts'

const bytes = patternBytes(300_000)

test('a paused download holds the upstream back instead of piling up', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes: pattern(256 << 20), omit: ['md5'] })
  const download = await began(glance, 'one')
  const before = process.memoryUsage().rss
  const delivered = download.deliver(() => download.pause())
  await standsStill(() => up.requests[0]?.sent ?? 0)
  const sent = up.requests[0]?.sent ?? 0
  assert.ok(sent > 0 && sent < 32 << 20, `${sent} bytes were sent`)
  assert.ok(process.memoryUsage().rss - before < 64 << 20)
  download.abort()
  await assert.rejects(delivered, because('aborted'))
})

test('a download that nobody takes yet holds the upstream back too', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes: pattern(256 << 20), omit: ['md5'] })
  const download = await began(glance, 'one')
  await standsStill(() => up.requests[0]?.sent ?? 0)
  const sent = up.requests[0]?.sent ?? 0
  assert.ok(sent < 32 << 20, `${sent} bytes were sent`)
  download.abort()
})

test('a pause from outside holds from that moment, also at the end', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes: bytes.subarray(0, 2000) })
  up.addImage({ id: 'two', bytes })
  const stall = up.nextFile('one', { stallAt: 1000, close: true })
  const download = await began(glance, 'one')
  let length = 0
  let over = false
  const first = Promise.withResolvers<void>()
  const delivered = download.deliver((chunk) => {
    length += chunk.length
    first.resolve()
  })
  void delivered.then(() => {
    over = true
  })
  await deadline(first.promise, 'the first half')
  download.pause()
  stall.release()
  await eventually(() => up.requests[0]?.sent === 2000, 'all to be sent')
  // A whole exchange later whatever had come for the first one has been looked at.
  await bodyOf(await began(glance, 'two'))
  assert.deepEqual([length, over], [1000, false])
  download.resume()
  await deadline(delivered, 'the end')
  assert.equal(length, 2000)
})

test('pausing and resuming at every chunk, in and outside the call, loses and repeats nothing', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes, omit: ['md5'] })
  for (const close of [undefined, true] as const) {
    up.nextFile('one', close ? { close, bytesPerSecond: 3_000_000 } : { bytesPerSecond: 3_000_000 })
    const download = await began(glance, 'one')
    const chunks: Buffer[] = []
    await download.deliver((chunk) => {
      chunks.push(Buffer.from(chunk))
      download.pause()
      if (chunks.length % 3 === 0) download.resume()
      else if (chunks.length % 3 === 1) setImmediate(() => download.resume())
      else queueMicrotask(() => download.resume())
    })
    assert.ok(Buffer.concat(chunks).equals(bytes))
  }
})

test('resuming one download from within a chunk of another is harmless', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  const [first, second] = [await began(glance, 'one'), await began(glance, 'one')]
  const sums = [0, 0]
  const one = first.deliver((chunk) => {
    sums[0] = (sums[0] ?? 0) + chunk.length
    first.pause()
    second.resume()
  })
  const two = second.deliver((chunk) => {
    sums[1] = (sums[1] ?? 0) + chunk.length
    second.pause()
    first.resume()
  })
  const both = Promise.allSettled([one, two])
  // Whoever ends first does not wake the other any more.
  void one.then(() => second.resume())
  void two.then(() => first.resume())
  const nudge = setInterval(() => {
    first.resume()
    second.resume()
  }, 5)
  t.after(() => clearInterval(nudge))
  assert.deepEqual(
    (await deadline(both, 'both ends')).map((end) => end.status),
    ['fulfilled', 'fulfilled'],
  )
  assert.deepEqual(sums, [300_000, 300_000])
})

test('what the taker throws ends the download and is what deliver rejects with', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  const download = await began(glance, 'one')
  const full = new Error('no space left')
  await assert.rejects(
    download.deliver(() => {
      throw full
    }),
    (error) => error === full,
  )
  await deadline(up.requests[0]?.closed ?? Promise.reject(new Error('no request')), 'the connection to be closed')
})

test('abort: before delivery, in the midst, after the end', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  const early = await began(glance, 'one')
  early.abort()
  await assert.rejects(bodyOf(early), because('aborted'))
  up.nextFile('one', { stallAt: 1000 })
  const midst = await began(glance, 'one')
  const delivered = midst.deliver(() => midst.abort())
  await assert.rejects(delivered, because('aborted'))
  await deadline(up.requests[1]?.closed ?? Promise.reject(new Error('no request')), 'the connection to be closed')
  const late = await began(glance, 'one')
  assert.equal((await bodyOf(late)).length, 300_000)
  late.abort()
  late.pause()
  late.resume()
})

test('a signal ends it at any time: before the start, while waiting for the head, in the body', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  await assert.rejects(glance.download('one', nobody, undefined, AbortSignal.abort()), because('aborted'))
  assert.equal(up.requests.length, 0)
  const connecting = new AbortController()
  const begun = glance.download('one', nobody, undefined, connecting.signal)
  connecting.abort()
  await assert.rejects(begun, because('aborted'))
  await glance.ask('one', nobody)
  assert.deepEqual(
    up.requests.map((request) => request.header('range')),
    ['bytes=0-0'],
    'what was given up before it was sent is not sent',
  )
  const waiting = new AbortController()
  const held = up.nextFile('one', { holdHeaders: true })
  const opening = glance.download('one', nobody, undefined, waiting.signal)
  await deadline(held.reached, 'the request')
  waiting.abort()
  await assert.rejects(opening, because('aborted'))
  const flowing = new AbortController()
  const stall = up.nextFile('one', { stallAt: 1000 })
  const download = await glance.download('one', nobody, undefined, flowing.signal)
  assert.ok(download.kind === 'download')
  const delivered = download.deliver(() => undefined)
  await deadline(stall.reached, 'the stall')
  flowing.abort()
  await assert.rejects(delivered, because('aborted'))
})

test('256 MiB arrive fast, whole and without being held', async (t) => {
  const { up, glance } = await scripted(t)
  const size = 256 << 20
  up.addImage({ id: 'large', bytes: pattern(size), omit: ['md5', 'hash'] })
  const download = await began(glance, 'large')
  const before = process.memoryUsage().rss
  let length = 0
  await deadline(
    download.deliver((chunk) => {
      length += chunk.length
    }),
    '256 MiB',
  )
  assert.equal(length, size)
  assert.ok(process.memoryUsage().rss - before < 128 << 20)
})
