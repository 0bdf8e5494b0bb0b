import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { deadline } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import { rawClient } from '../../support/upstream-raw-client.ts'
import { unauthorized } from '../../support/upstream-words.ts'
import { startWorkers } from '../../support/workers.ts'
import { isSample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { ask, startScene } from './scene.ts'

const step = 'RFC 9110 10.1.1: Expect: 100-continue'
const smuggled = ask('DELETE /smuggled')
/** A client that is told no sends no body, and a proxy may send another one's request where we wait for the body. */
const withheld = (line: string) => ask(line, `Expect: 100-continue\r\nContent-Length: ${smuggled.length}\r\n`)

test('an answer to a request whose body was not asked for ends its connection', async (t) => {
  const { upstream, tap, port, file, bytes, proxy } = await startScene(t)
  const told = (fault: string, client: string, disk = 'nothing') =>
    saw({ area: 'client', step, fault, driver: 'any', client, disk })

  for (const [what, line, status, body] of [
    ['a hit', `GET ${file()}`, 200, bytes],
    ['the queue', `PUT /v2/queued_images/${imageId(7)}`, 200, Buffer.from('null')],
    ['an endpoint that is not there', 'PUT /v2/cached_images', 404, undefined],
    ['the health check', 'GET /healthcheck', 200, Buffer.from('OK')],
    ['a list with a body', 'GET /v2/cache', 400, undefined],
    ['nobody, its Host is none', 'GET http://u@h/x', 400, undefined],
  ] as const) {
    await t.test(`withheld from ${what}`, async (t) => {
      const client = await rawClient(t, port)
      client.write(withheld(line))
      const answer = await client.answer()
      assert.equal(answer.status, status)
      if (body !== undefined) assert.deepEqual(answer.body, body)
      assert(answer.fields.some(([name, value]) => name === 'Connection' && value === 'close'))
      client.write(smuggled)
      await deadline(client.closed, 'the end of the connection')
      assert.equal(client.bytes.length, 0)
      assert(!tap.requests.some(({ target }) => target === '/smuggled'))
      const disk = line.includes('queued') ? 'queued' : 'nothing'
      told(`a body withheld from ${what}`, 'its own answer, connection closed', disk)
    })
  }

  await t.test('given, to a store that refuses after its first bytes', async (t) => {
    upstream.nextAnswer(
      ({ target }) => target === '/refused',
      async (_request, wire) => {
        await wire.write(unauthorized())
        await wire.closed
        return 'done'
      },
    )
    const client = await rawClient(t, port)
    client.write(withheld('PUT /refused'))
    assert.equal((await client.head()).status, 100)
    client.write(smuggled.slice(0, 10))
    const answer = await client.answer()
    assert.equal(answer.status, 401)
    assert(answer.fields.some(([name, value]) => name === 'Connection' && value === 'close'))
    client.write(smuggled.slice(10) + smuggled)
    await deadline(client.closed, 'the end of the connection')
    assert.equal(client.bytes.length, 0)
    assert(!tap.requests.some(({ target }) => target === '/smuggled'))
    told('a store that refuses after the first bytes of it', '100, then its own answer, connection closed')
  })

  await t.test('given after our 100', async (t) => {
    const client = await rawClient(t, port)
    client.write(withheld('PUT /wanted'))
    assert.equal((await client.head()).status, 100)
    client.write(smuggled)
    assert.equal((await client.answer()).status, 200)
    assert.equal(tap.requests.at(-1)?.body.toString(), smuggled, 'it is a body and nothing else')
    client.write(ask('GET /goes-on'))
    assert.equal((await client.answer()).status, 200)
    told('a body that looks like a request', '100, then its own answer')
  })

  await t.test('never given', async (t) => {
    const client = await rawClient(t, port)
    client.write(withheld('PUT /never'))
    assert.equal((await client.head()).status, 100)
    client.socket.destroy()
    const other = await rawClient(t, port)
    other.write(ask('GET /meanwhile'))
    await other.answer()
    assert(!tap.requests.some(({ target }) => target === '/never'))
    told('a client that leaves instead of its body', 'left')
  })

  await t.test('of a request without a body, and of HTTP/1.0', async (t) => {
    const client = await rawClient(t, port)
    client.write(ask('GET /bodiless', 'Expect: 100-continue\r\n'))
    assert.equal((await client.answer()).status, 200)
    await deadline(client.closed, 'the end of the connection')
    told('no body at all', 'its own answer, connection closed')
    const old = await rawClient(t, port)
    old.write('PUT /old HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc')
    assert.equal((await old.answer()).status, 200, 'no 100 before it')
    assert.equal(tap.requests.at(-1)?.body.toString(), 'abc')
    told('HTTP/1.0, which knows no 100', 'its own answer, connection closed')
  })

  assert.deepEqual(tap.violations(), [])
  assert.deepEqual(await proxy.names(), [imageId(1)])
})

test('what one worker leaves to the other is framed anew', { skip: isSample }, async (t) => {
  const server = await startWorkers(t, 'sqlite')
  const port = Number(new URL(server.url).port)
  const told = (fault: string, client: string, disk: string) =>
    saw({ area: 'client', step: 'RFC 9112 6: a body left to the leading worker', fault, driver: 'any', client, disk })
  const queue = (id: string, fields: string, body: string) => ask(`PUT /v2/queued_images/${id}`, fields, body)
  const chunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n`
  const remove = ask(`DELETE /v2/queued_images/${imageId(50)}`)

  for (const [at, [fault, fields, body]] of (
    [
      ['a body that looks like a request', `Content-Length: ${remove.length}\r\n`, remove],
      [
        'chunks that look like requests',
        'Transfer-Encoding: chunked\r\n',
        `${remove.length.toString(16)}\r\n${remove}\r\n0\r\n\r\n`,
      ],
      ['Connection names Content-Length', `Connection: Content-Length\r\nContent-Length: ${remove.length}\r\n`, remove],
      [
        'Connection names Transfer-Encoding',
        'Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n',
        `${chunk}0\r\n\r\n`,
      ],
      ['Connection names Host', 'Connection: Host, close-not\r\nContent-Length: 3\r\n', 'abc'],
      ['Upgrade', 'Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n', 'abc'],
      ['trailer fields', 'Transfer-Encoding: chunked\r\nTrailer: Host\r\n', `${chunk}0\r\nHost: other\r\n\r\n`],
      ['chunk extensions', 'Transfer-Encoding: chunked\r\n', '3;a="b"\r\nabc\r\n0\r\n\r\n'],
      ['a body of 300 KiB', 'Content-Length: 307200\r\n', 'x'.repeat(307_200)],
    ] as const
  ).entries()) {
    await t.test(fault, async (t) => {
      // What must stay where it is, whatever is hidden in a body.
      await once(t, ask(`PUT /v2/queued_images/${imageId(50)}`, 'Connection: close\r\n'))
      // Connections go to the workers in turn.
      for (const turn of [0, 1]) {
        const id = imageId(100 + at * 2 + turn)
        assert.equal(await once(t, queue(id, fields, body)), 200)
        assert((await server.names('queue')).includes(id))
        assert((await server.names('queue')).includes(imageId(50)))
      }
      told(fault, 'its own answer', 'queued')
    })
  }

  for (const [fault, fields, body] of [
    ['a chunk that breaks the grammar', 'Transfer-Encoding: chunked\r\n', 'x\r\nabc\r\n0\r\n\r\n'],
    ['Content-Length and Transfer-Encoding', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'],
    ['an unknown coding', 'Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'],
  ] as const) {
    await t.test(fault, async (t) => {
      for (const turn of [0, 1]) {
        const client = await rawClient(t, port)
        client.write(queue(imageId(200 + turn), fields, body) + remove)
        // Whether the change is made before the body is seen is a matter of chance; what is behind it is never begun.
        await deadline(client.closed, 'the end of the connection')
        assert((await server.names('queue')).includes(imageId(50)))
      }
      told(fault, 'connection closed', 'as it was')
    })
  }

  assert.equal(server.upstream.requests.filter(({ method }) => method !== 'GET').length, 0)

  async function once(t: TestContext, request: string): Promise<number> {
    const client = await rawClient(t, port)
    client.write(request)
    const { status } = await client.answer()
    client.socket.destroy()
    return status
  }
})
