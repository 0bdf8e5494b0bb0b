import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { streamJson } from '../../src/http/json-answer.ts'
import { jsonItems } from '../../src/http/json-list.ts'
import { cleanup } from '../support/cleanup.ts'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { rawClient } from '../support/upstream-raw-client.ts'

/** Numbers from 0, and how far whoever takes them has come. */
function numbers(end: number, failAt = Number.POSITIVE_INFINITY) {
  const seen = { given: 0, closed: false }
  async function* give() {
    try {
      for (; seen.given < end; seen.given++) {
        if (seen.given === failAt) throw new Error('the driver fails')
        yield seen.given
      }
    } finally {
      seen.closed = true
    }
  }
  return { seen, pieces: jsonItems(give(), (number) => String(number).padStart(100, ' ')) }
}

async function serve(t: TestContext, answer: (outgoing: ServerResponse) => Promise<void>): Promise<string> {
  const server = createServer((_incoming, outgoing) => {
    answer(outgoing).catch((error: unknown) => outgoing.writeHead(500).end(String(error)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanup(t, () => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo // on TCP: never a string or null
  return `http://127.0.0.1:${port}`
}

test('a long list arrives whole', async (t) => {
  const { pieces, seen } = numbers(20_000)
  const faults: unknown[] = []
  const url = await serve(t, (outgoing) =>
    streamJson(outgoing, pieces, { idleTimeoutMs: 10_000, onFault: (error) => faults.push(error) }),
  )
  const got = await get(url)
  assert.equal(got.headers['content-type'], 'application/json')
  assert.deepEqual(
    JSON.parse(`[${got.body}]`),
    Array.from({ length: 20_000 }, (_, number) => number),
  )
  assert.deepEqual([faults, seen.closed], [[], true])
})

test('a client that takes nothing stops the list; it goes on with him, and ends when he leaves', async (t) => {
  // 100 MB of text, of which sockets hold a few.
  const { pieces, seen } = numbers(1_000_000)
  const faults: unknown[] = []
  let needsDrain = () => false
  const url = await serve(t, (outgoing) => {
    needsDrain = () => outgoing.writableNeedDrain
    return streamJson(outgoing, pieces, { idleTimeoutMs: 10_000, onFault: (error) => faults.push(error) })
  })
  const client = await deadline(open(url), 'the head')
  client.pause()
  let before = -1
  const stalled = () => {
    const isStill = seen.given === before && needsDrain()
    before = seen.given
    return isStill
  }
  await eventually(stalled, 'the list stands still')
  const held = seen.given
  assert(held < 300_000, `${held} of 1000000 were made for a client that takes nothing`)
  client.resume()
  await eventually(() => seen.given > held + 50_000, 'the list goes on')
  client.leave()
  await eventually(() => seen.closed, 'the list is closed')
  assert.deepEqual(faults, [])
})

test('what fails before the first piece can still be told; what fails later is cut off and reported', async (t) => {
  for (const [failAt, status] of [
    [0, 500],
    [5000, 200],
  ] as const) {
    const faults: unknown[] = []
    const url = await serve(t, (outgoing) =>
      streamJson(outgoing, numbers(10_000, failAt).pieces, {
        idleTimeoutMs: 10_000,
        onFault: (error) => faults.push(error),
      }),
    )
    const got = await get(url)
    if (status === 500) {
      assert.deepEqual([got.status, got.body.toString()], [500, 'Error: the driver fails'])
      continue
    }
    assert.equal(got.complete, false)
    assert.deepEqual(faults.map(String), ['Error: the driver fails'])

    // HTTP/1.0 has no chunks: a clean end would make it whole.
    const old = await rawClient(t, Number(new URL(url).port))
    old.write('GET / HTTP/1.0\r\n\r\n')
    await deadline(old.closed, 'the connection is closed')
    assert.deepEqual([old.ended, old.error], [false, 'ECONNRESET'])
  }
})

test('a client that takes nothing for the idle time is cut off', async (t) => {
  const { pieces, seen } = numbers(1_000_000)
  const url = await serve(t, (outgoing) => streamJson(outgoing, pieces, { idleTimeoutMs: 200, onFault: () => {} }))
  const client = await deadline(open(url), 'the head')
  client.pause()
  await eventually(() => seen.closed, 'the list is closed')
  assert(seen.given < 300_000)
})
