import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Lease, ReadFailed } from '../../src/cache/reader.ts'
import { get } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { bareClient, sendServer, watchedReader } from '../support/send-scene.ts'
import { bytesOf, pattern } from '../support/upstream-bytes.ts'

const mib = 1 << 20
const image = pattern(64 * mib)

test('a client that leaves while it is being written to ends it', async (t) => {
  const reader = watchedReader(image)
  const served = await sendServer(t, { reader })
  const client = bareClient(t, served.port)
  await eventually(() => reader.leases === 1 && reader.asked.length > 1, 'bytes are on their way')
  client.resetAndDestroy()
  const { outcome, bytes } = await deadline(served.outcome(), 'the end of sending')
  assert.equal(outcome, 'client-left')
  assert(bytes < image.size)
  assert.equal(reader.leases, 0)
})

test('a fast client that leaves ends it, and what was read ahead comes back', async (t) => {
  const reader = watchedReader(image)
  const served = await sendServer(t, { reader })
  const got = await deadline(get(served.url, { leaveAfter: 20 * mib }), 'the client leaves')
  assert(!got.complete)
  const { outcome } = await deadline(served.outcome(), 'the end of sending')
  assert.equal(outcome, 'client-left')
  await eventually(() => reader.leases === 0, 'all leases come back')
})

test('a client that leaves while bytes are waited for ends it at once; bytes that come later are given back', async (t) => {
  const late = Promise.withResolvers<Lease>()
  const isAsked = Promise.withResolvers<void>()
  let released = 0
  const reader = watchedReader(image, () => {
    isAsked.resolve()
    return late.promise
  })
  const served = await sendServer(t, { reader })
  const client = bareClient(t, served.port)
  await deadline(isAsked.promise, 'the first read')
  client.destroy()
  assert.deepEqual(await deadline(served.outcome(), 'the end of sending'), { outcome: 'client-left', bytes: 0 })
  late.resolve({ bytes: Buffer.alloc(10), release: () => released++ })
  await eventually(() => released === 1, 'the late lease comes back')
})

test('a client that leaves while bytes are waited for, which then never come', async (t) => {
  const late = Promise.withResolvers<Lease>()
  const isAsked = Promise.withResolvers<void>()
  const reader = watchedReader(image, () => {
    isAsked.resolve()
    return late.promise
  })
  const served = await sendServer(t, { reader })
  const client = bareClient(t, served.port)
  await deadline(isAsked.promise, 'the first read')
  client.destroy()
  await deadline(served.outcome(), 'the end of sending')
  // An unhandled rejection would fail the run.
  late.reject(new ReadFailed('closed', 'the cache is shutting down'))
})

test('a client that has left before sending begins', async (t) => {
  const reader = watchedReader(image)
  const served = await sendServer(t, { reader, before: (outgoing) => outgoing.req.socket.destroy() })
  bareClient(t, served.port)
  assert.deepEqual(await deadline(served.outcome(), 'the end of sending'), { outcome: 'client-left', bytes: 0 })
  assert.deepEqual(reader.asked, [])
})

test('a client that leaves with requests pipelined behind the first: each of them is told', async (t) => {
  const reader = watchedReader(image)
  const served = await sendServer(t, { reader })
  const client = bareClient(t, served.port, 12)
  await eventually(() => served.sent.length === 12 && reader.leases === 12, 'all requests are being answered')
  client.resetAndDestroy()
  for (let index = 0; index < 12; index++) {
    const { outcome } = await deadline(served.outcome(index), `the end of response ${index}`)
    assert.equal(outcome, 'client-left')
  }
  assert.equal(reader.leases, 0)
})

for (const failsAt of [0, 1, 100_000, 5 * mib]) {
  test(`a reader that fails at ${failsAt}: the response goes on with other bytes`, async (t) => {
    const error = new ReadFailed('cache', 'the disk is broken')
    const size = 6 * mib
    const reader = watchedReader(image, async (position, max, lend) => {
      if (position >= failsAt) throw error
      return lend(image.slice(position, Math.min(max, failsAt - position)))
    })
    const served = await sendServer(t, {
      reader,
      end: size,
      goOn(outgoing, { bytes }) {
        assert.equal(outgoing.listenerCount('timeout'), 0)
        outgoing.end(bytesOf(image, bytes, size))
      },
    })
    const got = await deadline(get(served.url), 'the image')
    assert.deepEqual(await served.outcome(), { outcome: 'failed', bytes: failsAt, error })
    assert(got.complete)
    assert(got.body.equals(bytesOf(image, 0, size)))
    assert.equal(reader.leases, 0)
  })
}

test('a failure is reported only when what was read before it has been taken', async (t) => {
  const reader = watchedReader(image, async (position, max, lend) => {
    if (position >= 32 * mib) throw new ReadFailed('wrong', 'the digest is another')
    return lend(image.slice(position, max))
  })
  const served = await sendServer(t, { reader })
  bareClient(t, served.port).resume()
  const { outcome, bytes, error } = await deadline(served.outcome(), 'the end of sending')
  assert.deepEqual([outcome, error?.fault], ['failed', 'wrong'])
  assert.equal(bytes, reader.asked.at(-1)?.position)
  assert.equal(reader.leases, 0)
})

for (const [title, misbehave] of [
  [
    'throws at once',
    () => {
      throw new Error('not a promise')
    },
  ],
  ['gives no bytes', () => ({ bytes: Buffer.alloc(0), release() {} })],
  ['gives more bytes than were wanted', (max: number) => ({ bytes: Buffer.alloc(max + 1), release() {} })],
] as const) {
  test(`a reader that ${title} is a failure of the cache, and not a byte too many is written`, async (t) => {
    const reader = watchedReader(image, (_, max) => misbehave(max))
    const served = await sendServer(t, { reader, end: 1000, goOn: (outgoing) => outgoing.end(bytesOf(image, 0, 1000)) })
    const got = await deadline(get(served.url), 'the image')
    assert(got.body.equals(bytesOf(image, 0, 1000)))
    const { outcome, bytes, error } = await served.outcome()
    assert.deepEqual([outcome, bytes, error?.fault], ['failed', 0, 'cache'])
  })
}
