import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadline, eventually } from '../support/deadline.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { because, began, scripted } from '../support/upstream-glance.ts'
import { standsStill } from '../support/upstream-rest.ts'

// Long enough that its connection is read without the parser: see BulkConnection.
const bytes = patternBytes(12_345_678)

/** Memory of its own for the whole image; `room` offers what comes next of it, a stretch at a time. */
function placeFor(length: number) {
  const memory = Buffer.alloc(length + 1_000_000)
  let received = 0
  let inPlace = 0
  return {
    memory,
    get received() {
      return received
    },
    get inPlace() {
      return inPlace
    },
    room: () => memory.subarray(received, received + 700_000),
    take: (chunk: Buffer) => {
      if (chunk.buffer === memory.buffer && chunk.byteOffset === memory.byteOffset + received) inPlace += chunk.length
      else chunk.copy(memory, received)
      received += chunk.length
    },
    bytes: () => memory.subarray(0, received),
  }
}

test('a long body is read where it is kept, byte for byte, and only its first chunks are copied', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  for (const range of [undefined, { start: 1_234_567, end: undefined }, { start: 5, end: 9_000_000 }]) {
    const place = placeFor(bytes.length)
    const download = await began(glance, 'one', range)
    await deadline(download.deliver(place.take, place.room), 'the whole body')
    assert.ok(place.bytes().equals(bytes.subarray(range?.start, range?.end)))
    assert.ok(place.inPlace > place.received - (2 << 20), `${place.inPlace} of ${place.received} bytes in place`)
  }
  await eventually(() => up.openConnections === 0, 'the connections to be closed')
})

test('a short body leaves its connection to the next download', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes: bytes.subarray(0, 300_000) })
  for (let turn = 0; turn < 3; turn++) {
    // A connection is free one turn of the event loop after the end of its answer.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    const place = placeFor(300_000)
    await (await began(glance, 'one')).deliver(place.take, place.room)
    assert.ok(place.bytes().equals(bytes.subarray(0, 300_000)))
  }
  assert.equal(up.connections, 1)
})

test('where there is no room the bytes come all the same', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  const place = placeFor(bytes.length)
  let asked = 0
  const download = await began(glance, 'one')
  await deadline(
    download.deliver(place.take, () => (asked++ % 3 === 0 ? place.room() : undefined)),
    'the whole body',
  )
  assert.ok(place.bytes().equals(bytes))
  assert.ok(place.inPlace > 0 && place.inPlace < bytes.length)
})

test('pausing and resuming at every chunk, in and outside the call, loses and repeats nothing', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  const place = placeFor(bytes.length)
  const download = await began(glance, 'one')
  let chunks = 0
  const delivered = download.deliver((chunk) => {
    place.take(chunk)
    download.pause()
    if (chunks++ % 3 === 0) download.resume()
    else if (chunks % 3 === 1) setImmediate(() => download.resume())
    else queueMicrotask(() => download.resume())
  }, place.room)
  await deadline(delivered, 'the whole body')
  assert.ok(place.bytes().equals(bytes))
})

test('a pause holds the upstream back for longer than the idle time', async (t) => {
  const { up, glance } = await scripted(t, { idleTimeoutMs: 200 })
  up.addImage({ id: 'one', bytes: patternBytes(40 << 20) })
  const place = placeFor(40 << 20)
  const download = await began(glance, 'one')
  const first = Promise.withResolvers<void>()
  const delivered = download.deliver((chunk) => {
    place.take(chunk)
    if (place.received < 1 << 20) return
    download.pause()
    first.resolve()
  }, place.room)
  await deadline(first.promise, 'the first bytes')
  const { received } = place
  const since = performance.now()
  while (performance.now() - since < 500) await standsStill(() => up.requests[0]?.sent ?? 0)
  assert.equal(place.received, received)
  assert.ok((up.requests[0]?.sent ?? 0) < 32 << 20)
  download.abort()
  await assert.rejects(delivered, because('aborted'))
})

for (const [what, fault, reason] of [
  ['is closed in the middle', { endAt: 7_000_000 }, 'broken'],
  ['is closed before the last byte', { endAt: bytes.length - 1 }, 'broken'],
  ['is reset in the middle', { resetAt: 7_000_000 }, 'broken'],
  ['falls silent', { stallAt: 7_000_000 }, 'timeout'],
] as const) {
  test(`a long body whose connection ${what}: all that came is given, then it is ${reason}`, async (t) => {
    const { up, glance } = await scripted(t, { idleTimeoutMs: 300 })
    up.addImage({ id: 'one', bytes })
    const handle = up.nextFile('one', fault)
    t.after(() => handle.release())
    const place = placeFor(bytes.length)
    const download = await began(glance, 'one')
    await assert.rejects(deadline(download.deliver(place.take, place.room), 'the end'), because(reason))
    assert.ok(place.bytes().equals(bytes.subarray(0, place.received)))
    assert.equal(place.received, 'endAt' in fault ? fault.endAt : 7_000_000)
  })
}

test('bytes behind the declared end are not taken', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  up.nextFile('one', { contentLength: 9_000_000 })
  const place = placeFor(bytes.length)
  const download = await began(glance, 'one')
  await deadline(download.deliver(place.take, place.room), 'the end')
  assert.ok(place.bytes().equals(bytes.subarray(0, 9_000_000)))
})

test('a body in chunks goes through the parser', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  up.nextFile('one', { chunked: true })
  const place = placeFor(bytes.length)
  const download = await began(glance, 'one')
  await deadline(download.deliver(place.take, place.room), 'the whole body')
  assert.ok(place.bytes().equals(bytes))
  assert.equal(place.inPlace, 0)
})

for (const how of ['abort', 'throw'] as const) {
  test(`once the delivery is over by ${how}, nothing more is written into the room`, async (t) => {
    const { up, glance } = await scripted(t)
    up.addImage({ id: 'one', bytes })
    const place = placeFor(bytes.length)
    const download = await began(glance, 'one')
    const full = new Error('no space left')
    const delivered = download.deliver((chunk) => {
      place.take(chunk)
      if (place.received < 5_000_000) return
      if (how === 'throw') throw full
      download.abort()
    }, place.room)
    await assert.rejects(delivered, how === 'throw' ? (error) => error === full : because('aborted'))
    place.memory.fill(0)
    await eventually(() => up.openConnections === 0, 'the connection to be closed')
    assert.ok(place.memory.every((byte) => byte === 0))
  })
}
