import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { deadline } from '../support/deadline.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import type { Fault } from '../support/upstream-fault.ts'
import { startProxy } from '../support/upstream-proxy.ts'
import { rawClient, request } from '../support/upstream-raw-client.ts'

const bytes = patternBytes(300_000)
const file = (version = '1.1') => `GET /v2/images/one/file HTTP/${version}\r\nHost: h\r\n\r\n`

for (const [what, fault] of [
  ['a reset before the first byte', { resetAt: 0 }],
  ['a reset in the middle', { resetAt: 150_001 }],
  ['a reset before the last byte', { resetAt: 299_999 }],
  ['a clean end before the last byte', { endAt: 299_999 }],
  ['a reset of a body without framing', { untilClose: true, resetAt: 150_001 }],
  ['chunks without their end', { chunked: true, endAt: 299_999 }],
  ['chunks without their end, all bytes there', { chunked: true, endAt: 300_000 }],
] as const satisfies ReadonlyArray<readonly [string, Fault]>) {
  for (const version of ['1.1', '1.0']) {
    test(`${what} resets a client of HTTP/${version}`, async (t) => {
      const { port, up, settled } = await startProxy(t)
      up.addImage({ id: 'one', bytes })
      up.nextFile('one', fault)
      const client = await rawClient(t, port)
      client.write(file(version))
      assert.equal(await client.wasReset(), true, 'nothing that looks like an end')
      const [relayed] = await settled(1)
      assert.deepEqual([relayed?.status, relayed?.complete], [200, false])
      assert.match(relayed?.failure?.message ?? '', /^image store http:\/\/127\.0\.0\.1:\d+: /)
    })
  }
}

test('nobody listens: 502, which names the trouble and no address', async (t) => {
  // A port that was free a moment ago and that nobody takes while its number is ours.
  const holder = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => holder.once('listening', resolve))
  const address = holder.address()
  const closed = typeof address === 'object' && address !== null ? address.port : 0
  await new Promise((resolve) => holder.close(resolve))
  const { port, settled } = await startProxy(t, { url: `http://127.0.0.1:${closed}` })
  const answer = await request(t, port, ['GET /v2/images HTTP/1.1', 'Host: h'])
  assert.equal(answer.line, 'HTTP/1.1 502 Bad Gateway')
  assert.equal(answer.body.toString(), '502 Bad Gateway\n\nThe image store cannot be reached.\n\n')
  assert.ok(answer.fields.some(([name, value]) => name === 'Content-Type' && value.startsWith('text/plain')))
  const [relayed] = await settled(1)
  assert.deepEqual([relayed?.status, relayed?.complete], [502, true])
  assert.match(relayed?.failure?.message ?? '', new RegExp(`:${closed}: the connection is refused \\(ECONNREFUSED\\)$`))
})

test('a name that does not exist: 502', async (t) => {
  const { port, settled } = await startProxy(t, { url: 'http://glance.invalid:9292' })
  assert.equal((await request(t, port, ['GET / HTTP/1.1', 'Host: h'])).status, 502)
  assert.match((await settled(1))[0]?.failure?.message ?? '', /^image store http:\/\/glance\.invalid:9292: /)
})

for (const [what, bytesOf] of [
  ['what is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['an illegal head', 'HTTP/1.1 200 OK\r\nBad Field: 1\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ['a head of 100 000 bytes', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`],
  ['an upgrade that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
] as const) {
  test(`an upstream that answers with ${what}: 502`, async (t) => {
    const { port, up, settled } = await startProxy(t)
    for (let n = 0; n < 2; n++) {
      up.nextAnswer(
        () => true,
        async (_request, wire) => {
          await wire.write(bytesOf)
          return 'close'
        },
      )
    }
    const answer = await request(t, port, ['GET /v2/images HTTP/1.1', 'Host: h'])
    assert.equal(answer.status, 502)
    assert.ok((await settled(1))[0]?.failure instanceof Error)
  })
}

for (const [method, asked, status] of [
  ['GET', 2, 200],
  ['POST', 1, 502],
  ['DELETE', 1, 502],
] as const) {
  test(`a connection that closes as it is used again: ${method} is asked ${asked} time(s)`, async (t) => {
    const { port, up } = await startProxy(t)
    assert.equal((await request(t, port, ['GET /v2/warm HTTP/1.1', 'Host: h'])).status, 200)
    up.nextAnswer(
      () => true,
      async () => 'close',
    )
    const answer = await request(t, port, [`${method} /v2/tasks HTTP/1.1`, 'Host: h'])
    assert.equal(answer.status, status)
    assert.equal(up.requests.filter(({ target }) => target === '/v2/tasks').length, asked)
  })
}

test('a client that leaves before the head: the request upstream is given up', async (t) => {
  const { port, up, settled } = await startProxy(t)
  up.addImage({ id: 'one', bytes })
  const held = up.nextFile('one', { holdHeaders: true })
  const client = await rawClient(t, port)
  client.write(file())
  await deadline(held.reached, 'the request')
  client.socket.destroy()
  await deadline(up.requests[0]?.closed ?? Promise.reject(new Error('no request')), 'the connection to the upstream')
  const [relayed] = await settled(1)
  assert.deepEqual([relayed?.status, relayed?.bytes, relayed?.complete], [0, 0, false])
})

test('a client that leaves in the body: the download upstream is given up', async (t) => {
  const { port, up, settled } = await startProxy(t)
  up.addImage({ id: 'one', bytes })
  const stall = up.nextFile('one', { stallAt: 150_000 })
  const client = await rawClient(t, port)
  client.write(file())
  await deadline(stall.reached, 'the stall')
  await client.until((got) => (got.length > 150_000 ? true : undefined), 'the first half')
  client.socket.destroy()
  await deadline(up.requests[0]?.closed ?? Promise.reject(new Error('no request')), 'the connection to the upstream')
  const [relayed] = await settled(1)
  assert.deepEqual([relayed?.status, relayed?.bytes, relayed?.complete], [200, 150_000, false])
})

test('a client that pipelines and leaves: what waits behind the first answer is given up too', async (t) => {
  const { port, up, settled } = await startProxy(t)
  up.addImage({ id: 'one', bytes })
  for (const stallAt of [10, 20]) up.nextFile('one', { stallAt })
  const client = await rawClient(t, port)
  client.write(file() + file())
  const second = await up.whenRequested((got) => got === up.requests[1])
  await client.until((got) => (got.includes('\r\n\r\n') ? true : undefined), 'the first head')
  client.socket.destroy()
  await deadline(second.closed, 'the second connection to the upstream')
  assert.deepEqual(
    (await settled(2)).map(({ complete }) => complete),
    [false, false],
  )
})

test('whoever must know of an answer is told before the client, or that there was none', async (t) => {
  const told: number[] = []
  const { port, up } = await startProxy(t, { more: { onAnswer: (status) => void told.push(status) } })
  up.addImage({ id: 'one', bytes })
  assert.equal((await request(t, port, ['DELETE /v2/images/one HTTP/1.1', 'Host: h'])).status, 204)
  assert.deepEqual(told, [204])
  up.nextAnswer(
    () => true,
    async () => 'close',
  )
  assert.equal((await request(t, port, ['DELETE /v2/images/one HTTP/1.1', 'Host: h'])).status, 502)
  assert.deepEqual(told, [204, 0])
})

test('closing the origin ends what runs, and what comes later gets a 502', async (t) => {
  const { port, up, glance, settled } = await startProxy(t)
  up.addImage({ id: 'one', bytes })
  const stall = up.nextFile('one', { stallAt: 10 })
  const client = await rawClient(t, port)
  client.write(file())
  await deadline(stall.reached, 'the stall')
  await client.until((got) => (got.includes('\r\n\r\n') ? true : undefined), 'the head')
  await glance[Symbol.asyncDispose]()
  assert.equal(await client.wasReset(), true)
  assert.equal((await request(t, port, ['GET / HTTP/1.1', 'Host: h'])).status, 502)
  assert.match((await settled(2))[1]?.failure?.message ?? '', /image store/)
})
