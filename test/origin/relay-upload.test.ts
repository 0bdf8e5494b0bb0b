import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { relay } from '../../src/origin/upstream/relay.ts'
import { openUpstream } from '../../src/origin/upstream/upstream.ts'
import { deadline } from '../support/deadline.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { digestOf, pattern } from '../support/upstream-bytes.ts'
import { serveRelay, startProxy } from '../support/upstream-proxy.ts'
import { type RawClient, rawClient, request } from '../support/upstream-raw-client.ts'
import { standsStill } from '../support/upstream-rest.ts'
import { unauthorized } from '../support/upstream-words.ts'

const put = (length: number, more = '') =>
  `PUT /v2/images/one/file HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n${more}\r\n`

/** Writes a pattern of this size, no faster than it is taken, as long as the connection lives. */
async function pour(client: RawClient, size: number, sent = { bytes: 0 }): Promise<void> {
  const content = pattern(size)
  for (let at = 0; at < size && !client.socket.destroyed; ) {
    const slice = content.slice(at, 1 << 20)
    at += slice.length
    sent.bytes = at
    if (!client.socket.write(slice)) await Promise.race([once(client.socket, 'drain'), client.closed])
  }
}

test('256 MiB pass through whole, without being held', async (t) => {
  const { port, up, settled } = await startProxy(t)
  up.addImage({ id: 'one', bytes: Buffer.alloc(0), status: 'queued' })
  const size = 256 << 20
  const client = await rawClient(t, port)
  const before = process.memoryUsage().rss
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss - before)
  }, 20)
  client.write(put(size))
  await deadline(pour(client, size), 'the upload')
  assert.equal((await client.answer()).status, 204)
  clearInterval(watch)
  assert.deepEqual(await up.requests[0]?.body(), {
    length: size,
    sha256: digestOf(pattern(size), 'sha256'),
    whole: true,
  })
  assert.ok(most < 100 << 20, `grew by ${most} bytes`)
  assert.equal((await settled(1))[0]?.complete, true)
})

test('a slow upstream holds the client back', async (t) => {
  const { port, up } = await startProxy(t)
  const go = Promise.withResolvers<void>()
  up.nextAnswer(
    () => true,
    async (got, wire) => {
      wire.socket.pause()
      await go.promise
      wire.socket.resume()
      await got.body()
      await wire.write('HTTP/1.1 204 No Content\r\n\r\n')
      return 'keep'
    },
  )
  const size = 64 << 20
  const client = await rawClient(t, port)
  const sent = { bytes: 0 }
  client.write(put(size))
  const pouring = pour(client, size, sent)
  await standsStill(() => sent.bytes)
  assert.ok(sent.bytes < 32 << 20, `${sent.bytes} bytes were taken`)
  go.resolve()
  await deadline(pouring, 'the rest')
  assert.equal((await client.answer()).status, 204)
})

/** An upstream that answers an upload after its first bytes and takes no more; the client is given so much time. */
async function refusing(t: TestContext, answer: string, lingerMs = 100) {
  const up = await startUpstream(t)
  const upstream = openUpstream({
    what: 'image store',
    url: up.url,
    insecure: false,
    connectTimeoutMs: 2000,
    idleTimeoutMs: 5000,
  })
  t.after(() => upstream[Symbol.asyncDispose]())
  const proxy = await serveRelay(t, (incoming, outgoing, options) =>
    relay(upstream, incoming, outgoing, options, lingerMs),
  )
  up.nextAnswer(
    () => true,
    async (_got, wire) => {
      await wire.read()
      await wire.write(answer)
      await wire.closed
      return 'done'
    },
  )
  return { up, ...proxy }
}

test('refused in the midst of an upload: the answer is given at once, then the connection is closed', async (t) => {
  const { up, port, settled } = await refusing(t, unauthorized())
  const client = await rawClient(t, port)
  client.write(put(1 << 30))
  client.write(pattern(1_000_000).slice(0, 1_000_000))
  const answer = await client.answer()
  assert.equal(answer.status, 401)
  assert.ok(answer.body.includes('could not verify'))
  assert.ok(answer.fields.some(([name, value]) => name === 'Connection' && value === 'close'))
  await deadline(client.closed, 'the end of the client’s connection')
  await deadline(
    up.requests[0]?.closed ?? Promise.reject(new Error('no request')),
    'the end of the upstream’s connection',
  )
  assert.deepEqual(await settled(1), [{ status: 401, bytes: answer.body.length, complete: true }])
})

test('a client that looks only after it has sent a good deal more finds its answer, not a reset', async (t) => {
  const { port } = await refusing(t, unauthorized(), 10_000)
  const client = await rawClient(t, port)
  const size = 24 << 20
  client.write(put(size))
  await deadline(pour(client, size), 'the whole upload')
  assert.equal((await client.answer()).status, 401)
  assert.equal(client.error, undefined)
})

test('a client that never stops is not listened to forever', async (t) => {
  const { port, settled } = await refusing(t, unauthorized())
  const client = await rawClient(t, port)
  client.write(put(1 << 30))
  client.write(Buffer.alloc(100))
  const trickle = setInterval(() => client.socket.writable && client.write('x'), 10)
  t.after(() => clearInterval(trickle))
  assert.equal((await client.answer()).status, 401)
  await deadline(client.closed, 'the end of the client’s connection')
  await settled(1)
})

test('refused without a word about its length: chunks, and their end at once', async (t) => {
  const { port } = await refusing(
    t,
    'HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbig\r\n0\r\n\r\n',
  )
  const client = await rawClient(t, port)
  client.write(put(1 << 30))
  client.write(Buffer.alloc(1000))
  const answer = await client.answer()
  assert.deepEqual([answer.status, answer.body.toString()], [413, 'big'])
})

test('a client that leaves in the midst of an upload: the upstream’s request is broken off, not ended', async (t) => {
  const { port, up, settled } = await startProxy(t)
  up.addImage({ id: 'one', bytes: Buffer.alloc(0), status: 'queued' })
  for (const framing of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
    const client = await rawClient(t, port)
    client.write(
      `PUT /v2/images/one/file?${framing.length} HTTP/1.1\r\nHost: h\r\n${framing}\r\n\r\n64\r\n${'x'.repeat(100)}`,
    )
    const got = await up.whenRequested(({ target }) => target.endsWith(`?${framing.length}`))
    client.socket.destroy()
    await deadline(got.closed, 'the end of the upstream’s connection')
    assert.equal((await got.body()).whole, false)
  }
  assert.deepEqual(
    (await settled(2)).map(({ status, complete }) => [status, complete]),
    [
      [0, false],
      [0, false],
    ],
  )
})

for (const [version, continues] of [
  ['1.1', 1],
  ['1.0', 0],
] as const) {
  test(`Expect: 100-continue of HTTP/${version} brings ${continues} times 100, and is not sent on`, async (t) => {
    const { port, up } = await startProxy(t)
    up.addImage({ id: 'one', bytes: Buffer.alloc(0), status: 'queued' })
    const client = await rawClient(t, port)
    client.write(put(5, 'Expect: 100-Continue\r\n').replace('HTTP/1.1', `HTTP/${version}`))
    if (continues > 0) assert.equal((await client.head()).head, 'HTTP/1.1 100 Continue\r\n\r\n')
    client.write('abcde')
    assert.equal((await client.answer()).status, 204)
    assert.equal((await up.requests[0]?.body())?.length, 5)
    assert.equal(up.requests[0]?.header('expect'), undefined)
  })
}

test('Expect: 100-continue with an upstream out of reach: 502 and no 100', async (t) => {
  const { port } = await startProxy(t, { url: 'http://127.0.0.1:1' })
  const answer = await request(t, port, [
    'PUT /v2/images/one/file HTTP/1.1',
    'Host: h',
    'Content-Length: 5',
    'Expect: 100-continue',
  ])
  assert.equal(answer.status, 502)
  assert.ok(answer.fields.some(([name, value]) => name === 'Connection' && value === 'close'))
})
