import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { deadline, eventually } from '../support/deadline.ts'
import { bareClient, sendServer, watchedReader } from '../support/send-scene.ts'
import { pattern } from '../support/upstream-bytes.ts'

const mib = 1 << 20
const image = pattern(96 * mib)
const small = 64 << 10

test('twenty clients that take nothing hold 64 KiB each', async (t) => {
  const readers = Array.from({ length: 20 }, () => watchedReader(image))
  for (const reader of readers) {
    const { port } = await sendServer(t, { reader })
    bareClient(t, port)
  }
  const fed = () => readers.reduce((sum, { asked }) => sum + asked.length, 0)
  // Blocked: each has a lease out, and nothing has been read since the last look.
  let before = -1
  await eventually(
    () => {
      const now = fed()
      const isQuiet = now === before && readers.every(({ leases }) => leases === 1)
      before = now
      return isQuiet
    },
    'all of them blocked',
    20_000,
  )
  for (const { mostLent } of readers) assert(mostLent <= small, `${mostLent} bytes were out for one client`)
})

test('a fast client that stops keeps what is being written, not what was read ahead, and gets the rest later', async (t) => {
  const reader = watchedReader(image)
  const served = await sendServer(t, { reader })
  const client = bareClient(t, served.port)
  let received = 0
  let stopAt = 32 * mib
  client.on('data', (piece) => {
    received += piece.length
    if (received >= stopAt) client.pause()
  })
  client.resume()
  await eventually(() => received >= stopAt, 'half of the image')
  assert(reader.asked.some(({ max }) => max === mib))
  await eventually(() => reader.leases === 1, 'what was read ahead is given back')

  const askedBefore = reader.asked.length
  stopAt = Number.POSITIVE_INFINITY
  client.resume()
  const sent = await deadline(served.outcome(), 'the end of sending')
  assert.deepEqual(sent, { outcome: 'complete', bytes: image.size })
  const [next] = reader.asked.slice(askedBefore)
  assert.equal(next?.max, small, 'it has to prove its speed again')
  // Bytes read ahead and given back were read again, none were left out.
  const positions = reader.asked.map(({ position }) => position)
  assert.deepEqual(
    [...positions].sort((a, b) => a - b),
    positions,
  )
  await eventually(() => received > image.size, 'all bytes and the head')
})

test('bytes read ahead that come only after the client has blocked are given back', async (t) => {
  let readMs = 0
  let underWay = 0
  const reader = watchedReader(image, async (position, max, lend) => {
    underWay++
    if (readMs > 0) await delay(readMs)
    underWay--
    return lend(image.slice(position, max))
  })
  const { port } = await sendServer(t, { reader })
  const client = bareClient(t, port)
  let received = 0
  client.on('data', (piece) => {
    received += piece.length
    if (received < 24 * mib) return
    // From now on the disk is slow: its answer comes later than a write counts as blocked.
    client.pause()
    readMs = 150
  })
  client.resume()
  await eventually(() => readMs > 0 && underWay === 0 && reader.leases === 1, 'only the blocked write is out')
})

test('a client that takes a megabyte now and then never gets more than 64 KiB at once', async (t) => {
  const reader = watchedReader(image)
  const served = await sendServer(t, { reader, end: 14 * mib })
  const client = bareClient(t, served.port)
  let received = 0
  client.on('data', (piece) => {
    received += piece.length
    if (received % mib >= piece.length) return
    client.pause()
    // Longer than a write that counts as blocked.
    setTimeout(() => client.resume(), 130)
  })
  client.resume()
  const sent = await deadline(served.outcome(), 'the end of sending')
  assert.deepEqual(sent, { outcome: 'complete', bytes: 14 * mib })
  assert(reader.mostLent <= small, `${reader.mostLent} bytes were out`)
})

test('a client that takes nothing is cut off by a reset after the idle time', async (t) => {
  const reader = watchedReader(image)
  const served = await sendServer(t, { reader, idleTimeoutMs: 150 })
  const client = bareClient(t, served.port)
  const { outcome, bytes } = await deadline(served.outcome(), 'the client is cut off')
  assert.equal(outcome, 'client-stalled')
  assert(bytes > 0 && bytes < image.size)
  assert.equal(reader.leases, 0)
  const broken = once(client, 'error')
  client.resume()
  const [error] = await deadline(broken, 'the client notices')
  assert.equal(error.code, 'ECONNRESET')
})

test('a client that takes nothing of a last piece is cut off too, and nobody counts that as complete', async (t) => {
  const reader = watchedReader(image)
  const served = await sendServer(t, { reader, end: small, idleTimeoutMs: 150 })
  // Each answer is one piece, its last: more of them than the kernel takes for a client that reads nothing.
  const connected = once(served.server, 'connection')
  bareClient(t, served.port, 200)
  const [connection] = await deadline(connected, 'the client comes')
  await deadline(once(connection, 'close'), 'the client is cut off')
  const sent = await deadline(Promise.all(served.sent.map((_, index) => served.outcome(index))), 'all have ended')
  const of = (wanted: string) => sent.filter(({ outcome }) => outcome === wanted)
  assert.equal(of('client-stalled').length, 1)
  assert(of('complete').length > 0 && of('complete').every(({ bytes }) => bytes === small))
  assert(sent.every(({ outcome, bytes }) => outcome === 'complete' || bytes === 0))
  assert.equal(reader.leases, 0)
})

test('a client that waits for us is not cut off, however long', async (t) => {
  const idle = Promise.withResolvers<void>()
  const reader = watchedReader(image, async (position, max, lend) => {
    // The second piece comes only after the connection has been idle for its whole time.
    if (position > 0) await idle.promise
    return lend(image.slice(position, max))
  })
  const served = await sendServer(t, {
    reader,
    end: 100_000,
    idleTimeoutMs: 100,
    before: ({ req }) => req.socket.once('timeout', () => idle.resolve()),
  })
  bareClient(t, served.port).resume()
  const sent = await deadline(served.outcome(), 'the end of sending')
  assert.deepEqual(sent, { outcome: 'complete', bytes: 100_000 })
})

test('a client that takes little by little is not cut off', async (t) => {
  const reader = watchedReader(image)
  const served = await sendServer(t, { reader, end: 24 * mib, idleTimeoutMs: 400 })
  const client = bareClient(t, served.port)
  let received = 0
  client.on('data', (piece) => {
    received += piece.length
    // A pause after every half megabyte: in all several times the idle time, at no moment as long as that.
    if (received % (512 << 10) < piece.length) {
      client.pause()
      setTimeout(() => client.resume(), 25)
    }
  })
  client.resume()
  const sent = await deadline(served.outcome(), 'the end of sending')
  assert.deepEqual(sent, { outcome: 'complete', bytes: 24 * mib })
})
