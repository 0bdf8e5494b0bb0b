import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadline } from '../support/deadline.ts'
import { pattern, patternBytes } from '../support/upstream-bytes.ts'
import { startProxy } from '../support/upstream-proxy.ts'
import { rawClient, request } from '../support/upstream-raw-client.ts'
import { standsStill } from '../support/upstream-rest.ts'

const get = ['GET /v2/anything HTTP/1.1', 'Host: h']

/** A proxy whose upstream answers the next request with these bytes. */
async function answering(t: Parameters<typeof startProxy>[0], bytes: string, then: 'keep' | 'close' = 'keep') {
  const proxy = await startProxy(t)
  proxy.up.nextAnswer(
    () => true,
    async (_request, wire) => {
      await wire.write(bytes)
      return then
    },
  )
  return proxy
}

test('status, reason, fields and body come back as they are; hop-by-hop fields do not', async (t) => {
  const { port } = await answering(
    t,
    'HTTP/1.1 299 Somehow \xe4\r\nServer: eventlet\r\nset-cookie: a=1\r\nX-Odd:\r\nSet-Cookie: b=2\r\nConnection: X-Private, keep-alive\r\nX-Private: 1\r\nKeep-Alive: timeout=7\r\nProxy-Authenticate: Basic\r\nTrailer: X\r\nUpgrade: h2c\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 4\r\n\r\nbody',
  )
  const answer = await request(t, port, get)
  assert.equal(answer.body.toString(), 'body')
  assert.deepEqual(answer.fields, [
    ['Server', 'eventlet'],
    ['set-cookie', 'a=1'],
    ['X-Odd', ''],
    ['Set-Cookie', 'b=2'],
    ['Date', 'Thu, 01 Jan 2026 00:00:00 GMT'],
    ['Content-Length', '4'],
    ['Connection', 'keep-alive'],
    ['Keep-Alive', 'timeout=5'],
  ])
  assert.match(answer.line, /^HTTP\/1\.1 299 /)
})

for (const [what, head] of [
  ['204 as Glance gives it', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n'],
  ['304 with a length', 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 10\r\n\r\n'],
] as const) {
  test(`an answer without a body: ${what}`, async (t) => {
    const { port, settled } = await answering(t, head)
    const client = await rawClient(t, port)
    client.write(`${get.join('\r\n')}\r\n\r\n`)
    const answer = await client.answer()
    assert.equal(answer.line, head.split('\r\n')[0])
    client.write(`${get.join('\r\n')}\r\n\r\n`)
    assert.equal((await client.answer()).status, 200, 'the connection is in step')
    assert.deepEqual((await settled(2))[0], { status: answer.status, bytes: 0, complete: true })
  })
}

test('HEAD: the length of what is not sent', async (t) => {
  const { port, up } = await startProxy(t)
  const client = await rawClient(t, port)
  client.write('HEAD /v2/anything HTTP/1.1\r\nHost: h\r\n\r\n')
  const answer = await client.answer('HEAD')
  assert.ok(Number(answer.fields.find(([name]) => name === 'Content-Length')?.[1]) > 0)
  client.write('HEAD /v2/images/one/file HTTP/1.1\r\nHost: h\r\n\r\n')
  up.addImage({ id: 'one', bytes: Buffer.from('x') })
  const refused = await client.answer('HEAD')
  assert.equal(refused.status, 405)
  assert.ok(refused.fields.some(([name, value]) => name === 'Allow' && value === 'GET, PUT'))
})

test('chunks stay a stream of chunks, and an HTTP/1.0 client gets the same bytes', async (t) => {
  const { port, up } = await startProxy(t)
  const bytes = patternBytes(200_000)
  up.addImage({ id: 'one', bytes })
  up.everyFile('one', { chunked: true })
  for (const version of ['1.1', '1.0']) {
    const answer = await request(t, port, [`GET /v2/images/one/file HTTP/${version}`, 'Host: h'])
    assert.ok(answer.body.equals(bytes), version)
    assert.equal(
      answer.fields.some(([name]) => name === 'Transfer-Encoding'),
      version === '1.1',
    )
  }
})

test('the head does not wait for the body', async (t) => {
  const { port, up } = await startProxy(t)
  up.addImage({ id: 'one', bytes: Buffer.from('late') })
  const stall = up.nextFile('one', { stallAt: 0 })
  const client = await rawClient(t, port)
  client.write('GET /v2/images/one/file HTTP/1.1\r\nHost: h\r\n\r\n')
  assert.equal((await client.head()).status, 200)
  stall.release()
  await client.until((bytes) => (bytes.toString() === 'late' ? true : undefined), 'the body')
})

test('interim answers are passed on, but not to HTTP/1.0', async (t) => {
  const hints =
    'HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\nLink: </y>\r\nConnection: X-No\r\nX-No: 1\r\n\r\n'
  const final = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  const { port, up } = await answering(t, `HTTP/1.1 102 Processing\r\n\r\n${hints}${final}`)
  const client = await rawClient(t, port)
  client.write(`${get.join('\r\n')}\r\n\r\n`)
  assert.equal((await client.head()).status, 102)
  const early = await client.head()
  assert.deepEqual(
    [early.status, early.fields],
    [
      103,
      [
        ['Link', '</x>; rel=preload'],
        ['Link', '</y>'],
      ],
    ],
  )
  assert.equal((await client.answer()).body.toString(), 'ok')
  up.nextAnswer(
    () => true,
    async (_request, wire) => {
      await wire.write(hints + final)
      return 'keep'
    },
  )
  const old = await request(t, port, ['GET /v2/anything HTTP/1.0', 'Host: h'])
  assert.deepEqual([old.status, old.body.toString()], [200, 'ok'])
})

test('a thousand interim answers are passed on, a store that lives on them alone is not borne', async (t) => {
  const interim = 'HTTP/1.1 102 Processing\r\n\r\n'
  for (const [count, status] of [
    [1000, 200],
    [1001, 502],
  ] as const) {
    const { port } = await answering(t, `${interim.repeat(count)}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`)
    const old = await request(t, port, ['GET /v2/anything HTTP/1.0', 'Host: h'])
    assert.equal(old.status, status)
  }
})

test('trailers are dropped, the body is whole', async (t) => {
  const { port } = await answering(
    t,
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n3\r\nabc\r\n0\r\nX-End: 1\r\n\r\n',
  )
  assert.equal((await request(t, port, get)).body.toString(), 'abc')
})

test('a slow client holds the upstream back', async (t) => {
  const { port, up, settled } = await startProxy(t)
  const size = 64 << 20
  up.addImage({ id: 'one', bytes: pattern(size), omit: ['md5', 'hash'] })
  const client = await rawClient(t, port)
  client.socket.pause()
  const before = process.memoryUsage().rss
  client.write('GET /v2/images/one/file HTTP/1.1\r\nHost: h\r\n\r\n')
  await standsStill(() => up.requests[0]?.sent ?? 0)
  const sent = up.requests[0]?.sent ?? 0
  assert.ok(sent < 32 << 20, `${sent} bytes were taken for a client that reads nothing`)
  assert.ok(process.memoryUsage().rss - before < 64 << 20)
  client.socket.removeAllListeners('data')
  let length = 0
  client.socket.on('data', (chunk: Buffer) => {
    length += chunk.length
  })
  client.socket.resume()
  assert.deepEqual((await settled(1))[0], { status: 200, bytes: size, complete: true })
  client.socket.end()
  await deadline(client.closed, 'the end')
  assert.ok(length > size)
})

test('keep-alive: many requests of one client, few connections upstream', async (t) => {
  const { port, up } = await startProxy(t)
  const client = await rawClient(t, port)
  for (let n = 0; n < 50; n++) {
    client.write(`${get.join('\r\n')}\r\n\r\n`)
    assert.equal((await client.answer()).status, 200)
  }
  assert.ok(up.connections <= 2, `${up.connections} connections`)
})
