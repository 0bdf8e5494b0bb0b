import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { deadline } from '../../support/deadline.ts'
import { rawClient } from '../../support/upstream-raw-client.ts'
import { saw } from '../matrix/seen.ts'
import { ask, startScene } from './scene.ts'

const told = (step: string, fault: string, client: string) =>
  saw({ area: 'client', step, fault, driver: 'any', client, disk: 'nothing' })

test('heads and bodies that are slow, or end too early', async (t) => {
  const { upstream, tap, port } = await startScene(t, { flags: ['--origin-idle-timeout=2'] })
  const whole = (target: string) => tap.requests.find((request) => request.target === target)

  await t.test('a head that comes byte by byte, and its body too', async (t) => {
    const client = await rawClient(t, port)
    client.socket.setNoDelay(true)
    for (const byte of ask('PUT /slow-head', 'Content-Length: 5\r\n', 'abcde')) {
      client.write(byte)
      await turn()
    }
    assert.equal((await client.answer()).status, 200)
    assert.equal(whole('/slow-head')?.body.toString(), 'abcde')
    told('a request head', 'byte by byte, and its body too', 'its own answer')
  })

  for (const [fault, part] of [
    ['after the method', 'PUT '],
    ['in the target', 'PUT /early'],
    ['in a field', 'PUT /early HTTP/1.1\r\nHost: h\r\nX-A: b'],
    ['before its last line', 'PUT /early HTTP/1.1\r\nHost: h\r\n'],
  ] as const) {
    for (const end of ['FIN', 'reset'] as const) {
      await t.test(`${end} in a head, ${fault}`, async (t) => {
        const client = await rawClient(t, port)
        client.write(part)
        if (end === 'FIN') {
          client.socket.end()
          assert.equal((await client.head()).status, 400)
        } else client.socket.resetAndDestroy()
        await deadline(client.closed, 'the end of the connection')
        assert.equal(whole('/early'), undefined)
        told('a request head', `${end} ${fault}`, end === 'FIN' ? '400, connection closed' : 'left')
      })
    }
  }

  for (const [framing, head, body] of [
    ['Content-Length', 'Content-Length: 2000\r\n', 'x'.repeat(1000)],
    ['chunks', 'Transfer-Encoding: chunked\r\n', `3e8\r\n${'x'.repeat(1000)}\r\n`],
    ['half a chunk', 'Transfer-Encoding: chunked\r\n', `7d0\r\n${'x'.repeat(1000)}`],
  ] as const) {
    for (const [at, fault] of ['FIN in it', 'a reset in it', 'it stalls'].entries()) {
      await t.test(`a body of ${framing}: ${fault}`, async (t) => {
        const target = `/body-${at}-${framing.replaceAll(' ', '-')}`
        const client = await rawClient(t, port)
        client.write(ask(`PUT ${target}`, head, body))
        const got = await upstream.whenRequested((request) => request.target === target)
        if (at === 0) client.socket.end()
        if (at === 1) client.socket.resetAndDestroy()
        await deadline(got.closed, 'the end of what the store was sent')
        assert.equal((await got.body()).whole, false, 'the store knows that it is not the whole')
        await deadline(client.closed, 'the end of the connection')
        assert.equal(client.bytes.length, 0)
        assert.equal(whole(target), undefined)
        told(`an upload by ${framing}`, fault, at === 1 ? 'left' : 'cut off')
      })
    }
  }
  assert.deepEqual(tap.violations(), [])
})
