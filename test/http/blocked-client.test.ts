import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import type { ImageReader } from '../../src/cache/reader.ts'
import { sendBody } from '../../src/http/send.ts'
import type { Sent } from '../../src/http/sent.ts'
import { cleanup } from '../support/cleanup.ts'
import { deadline, eventually } from '../support/deadline.ts'

const size = 64 << 20
/** What a client must have taken before it is given more at once. */
const proofOfSpeed = 8 << 20

/** An image of zeros that counts what is lent at a time. */
function countingReader() {
  const bytes = Buffer.alloc(1 << 20)
  let lent = 0
  let most = 0
  let furthest = 0
  const reader: ImageReader = {
    size,
    read(position, max) {
      const part = bytes.subarray(0, Math.min(max, size - position))
      lent += part.length
      if (position < proofOfSpeed) most = Math.max(most, lent)
      furthest = Math.max(furthest, position)
      let held = true
      return {
        bytes: part,
        release() {
          if (held) lent -= part.length
          held = false
        },
      }
    },
    span: () => undefined,
    close: () => {},
  }
  return { reader, lent: () => lent, mostEarly: () => most, furthest: () => furthest }
}

/** Sends to a client on a bare socket that reads only when it is told to. */
async function sendTo(t: TestContext, reader: ImageReader) {
  const sent = Promise.withResolvers<Sent>()
  const server = createServer((_incoming, outgoing) => {
    outgoing.writeHead(200, { 'Content-Length': size })
    sendBody(outgoing, reader, 0, size, { idleTimeoutMs: 0 }).then(sent.resolve, sent.reject)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanup(t, () => server.close())
  const address = server.address()
  assert(address !== null && typeof address === 'object')
  const socket = connect(address.port, '127.0.0.1')
  cleanup(t, () => socket.destroy())
  let received = 0
  socket.on('data', (piece) => {
    received += piece.length
  })
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  return { socket, received: () => received, sent: sent.promise }
}

describe('rule 19: a client that takes nothing', () => {
  test('is read for 64 KiB at a time until it has proven to be fast', async (t) => {
    const counting = countingReader()
    const { socket, sent } = await sendTo(t, counting.reader)
    socket.resume()
    await eventually(() => counting.furthest() > proofOfSpeed, 'it is fast')
    assert(counting.mostEarly() <= 64 << 10, `${counting.mostEarly()} bytes were lent`)
    socket.destroy()
    assert.equal((await deadline(sent, 'the sending ends')).outcome, 'client-left')
    assert.equal(counting.lent(), 0)
  })

  test('holds no more than 64 KiB, from its first byte on', async (t) => {
    const counting = countingReader()
    const { socket, received, sent } = await sendTo(t, counting.reader)
    let quiet = 0
    let before = -1
    await eventually(() => {
      quiet = counting.furthest() > 0 && counting.furthest() === before ? quiet + 1 : 0
      before = counting.furthest()
      return quiet >= 20
    }, 'the kernel takes no more')
    assert.equal(received(), 0)
    assert(counting.lent() <= 64 << 10, `${counting.lent()} bytes are held`)
    socket.destroy()
    assert.equal((await deadline(sent, 'the sending ends')).outcome, 'client-left')
    assert.equal(counting.lent(), 0)
  })

  test('gives back what was read ahead when it had been fast', async (t) => {
    const counting = countingReader()
    const { socket, received, sent } = await sendTo(t, counting.reader)
    socket.resume()
    await eventually(() => received() > 16 << 20, 'the client is fast')
    socket.pause()
    let quiet = 0
    let before = -1
    // Blocked: nothing more is lent or given back from one look to the next, for a while.
    await eventually(() => {
      quiet = counting.lent() === before ? quiet + 1 : 0
      before = counting.lent()
      return quiet >= 20
    }, 'the client has blocked')
    assert(counting.lent() <= 1 << 20, `${counting.lent()} bytes are held`)
    socket.destroy()
    await deadline(sent, 'the sending ends')
    assert.equal(counting.lent(), 0)
  })
})
