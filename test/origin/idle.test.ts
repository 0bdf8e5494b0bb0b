import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'
import { deadline } from '../support/deadline.ts'
import { bytesOf, pattern, patternBytes } from '../support/upstream-bytes.ts'
import { because, began, bodyOf, glanceAt, nobody, scripted } from '../support/upstream-glance.ts'
import { startProxy } from '../support/upstream-proxy.ts'
import { rawClient, request } from '../support/upstream-raw-client.ts'

// undici looks at its timers about once a second, whatever they are set to: an idle timeout strikes up to a second
// late. What must outlast it here therefore lasts more than two; the tests run side by side.
const idleTimeoutMs = 100
const longMs = 2300

describe('idle timeouts, never total ones', { concurrency: true }, () => {
  test('a trickle goes on for longer than the idle time', async (t) => {
    const { up, glance } = await scripted(t, { idleTimeoutMs })
    up.addImage({ id: 'one', bytes: patternBytes(2300) })
    up.nextFile('one', { bytesPerSecond: 1000 })
    const start = performance.now()
    assert.equal((await bodyOf(await began(glance, 'one'))).length, 2300)
    assert.ok(performance.now() - start > 2000)
  })

  test('silence in the body ends the download', async (t) => {
    const { up, glance } = await scripted(t, { idleTimeoutMs })
    up.addImage({ id: 'one', bytes: patternBytes(1000) })
    up.nextFile('one', { stallAt: 500 })
    await assert.rejects(deadline(bodyOf(await began(glance, 'one')), 'the timeout'), because('timeout'))
  })

  test('silence instead of an answer ends the request', async (t) => {
    const { up, glance } = await scripted(t, { idleTimeoutMs })
    up.addImage({ id: 'one', bytes: patternBytes(10) })
    up.nextFile('one', { holdHeaders: true, question: true })
    await assert.rejects(deadline(glance.ask('one', nobody), 'the timeout'), because('timeout'))
  })

  test('a pause of our own is not silence, and nothing is given in it', async (t) => {
    const { up, glance } = await scripted(t, { idleTimeoutMs })
    const size = 4 << 20
    up.addImage({ id: 'one', bytes: pattern(size), omit: ['md5', 'hash'] })
    const download = await began(glance, 'one')
    let length = 0
    let paused = false
    const begun = Promise.withResolvers<void>()
    const delivered = download.deliver((chunk) => {
      assert.equal(paused, false, 'a chunk in the pause')
      length += chunk.length
      if (length > chunk.length) return
      paused = true
      download.pause()
      begun.resolve()
    })
    await deadline(begun.promise, 'the first chunk')
    await passed(longMs)
    paused = false
    download.resume()
    await deadline(delivered, 'the rest')
    assert.equal(length, size)
  })

  test('a download that nobody has begun to take waits', async (t) => {
    const { up, glance } = await scripted(t, { idleTimeoutMs })
    up.addImage({ id: 'one', bytes: pattern(4 << 20), omit: ['md5', 'hash'] })
    const download = await began(glance, 'one')
    await passed(longMs)
    assert.equal((await deadline(bodyOf(download), 'the body')).length, 4 << 20)
  })

  test('an upload that pauses for longer than the idle time goes on', async (t) => {
    const { port, up } = await startProxy(t, { idleTimeoutMs, answerTimeoutMs: idleTimeoutMs })
    up.addImage({ id: 'one', bytes: Buffer.alloc(0), status: 'queued' })
    const client = await rawClient(t, port)
    client.write('PUT /v2/images/one/file HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc')
    await passed(longMs)
    client.write('def')
    assert.equal((await client.answer()).status, 204)
  })

  test('an upload that is taken slowly goes on', async (t) => {
    const { port, up } = await startProxy(t, { answerTimeoutMs: 1000 })
    const size = 64 << 20
    let sipped = 0
    up.nextAnswer(
      () => true,
      async (_got, wire) => {
        // Half a megabyte now and then: the sender waits for room nearly all the time, for longer than the idle time.
        // The kernel tells it of room only when a third of its buffer is free, so smaller sips would look like none.
        const end = performance.now() + longMs
        let taken = 0
        while (taken < size) {
          wire.socket.pause()
          if (performance.now() < end) await passed(50)
          wire.socket.resume()
          for (const enough = taken + (512 << 10); taken < Math.min(enough, size); ) {
            taken += (await wire.read())?.length ?? size
          }
          if (performance.now() < end) sipped = taken
        }
        await wire.write('HTTP/1.1 204 No Content\r\n\r\n')
        return 'keep'
      },
    )
    const client = await rawClient(t, port)
    client.write(`PUT /v2/images/one/file HTTP/1.1\r\nHost: h\r\nContent-Length: ${size}\r\n\r\n`)
    client.write(bytesOf(pattern(size)))
    assert.equal((await client.answer()).status, 204)
    assert.ok(sipped > 0 && sipped < size >> 1, `${sipped} bytes were taken slowly`)
  })

  test('an upload that the upstream does not take any more: 504', async (t) => {
    const { port, up } = await startProxy(t, { idleTimeoutMs, answerTimeoutMs: idleTimeoutMs })
    up.nextAnswer(
      () => true,
      async (_got, wire) => {
        wire.socket.pause()
        await wire.closed
        return 'done'
      },
    )
    const client = await rawClient(t, port)
    client.write(`PUT /v2/images/one/file HTTP/1.1\r\nHost: h\r\nContent-Length: ${1 << 30}\r\n\r\n`)
    client.write(Buffer.alloc(32 << 20))
    const answer = await client.answer()
    assert.equal(answer.line, 'HTTP/1.1 504 Gateway Timeout')
    assert.equal(answer.body.toString(), '504 Gateway Timeout\n\nThe image store did not answer in time.\n\n')
  })

  test('an upload that is never answered, though it took its time: 504', async (t) => {
    const { port, up, settled } = await startProxy(t, { idleTimeoutMs, answerTimeoutMs: idleTimeoutMs })
    up.nextAnswer(
      () => true,
      async (got, wire) => {
        await got.body()
        await wire.closed
        return 'done'
      },
    )
    const client = await rawClient(t, port)
    client.write('PUT /v2/images/one/file HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc')
    // The timer strikes once in here, to no effect; it must be wound up again at the body's end.
    await passed(longMs)
    client.write('def')
    assert.equal((await client.answer()).status, 504)
    assert.match((await settled(1))[0]?.failure?.message ?? '', /no answer within the idle timeout/)
  })

  test('a store that takes its time for a relayed request is not idle', async (t) => {
    const { port, up } = await startProxy(t, { idleTimeoutMs })
    up.nextAnswer(
      () => true,
      async (_got, wire) => {
        await passed(longMs)
        await wire.write('HTTP/1.1 204 No Content\r\n\r\n')
        return 'keep'
      },
    )
    assert.equal((await request(t, port, ['DELETE /v2/images/large HTTP/1.1', 'Host: h'])).status, 204)
  })

  test('silence in the body resets the client', async (t) => {
    const { port, up, settled } = await startProxy(t, { idleTimeoutMs })
    up.addImage({ id: 'one', bytes: patternBytes(1000) })
    up.nextFile('one', { stallAt: 999 })
    const client = await rawClient(t, port)
    client.write('GET /v2/images/one/file HTTP/1.1\r\nHost: h\r\n\r\n')
    assert.equal(await client.wasReset(), true)
    assert.equal((await settled(1))[0]?.complete, false)
  })

  test('no connection within the connect timeout', async (t) => {
    // A queue of one that is full: further connections are neither refused nor accepted.
    const port = await fullQueue(t)
    const glance = glanceAt(t, `http://127.0.0.1:${port}`, { connectTimeoutMs: 200 })
    await assert.rejects(deadline(glance.ask('one', nobody), 'the timeout'), (error) => {
      assert.ok(because('timeout')(error))
      return /no connection within the connect timeout/.test(String(error))
    })
  })
})

async function fullQueue(t: TestContext): Promise<number> {
  const { spawn } = await import('node:child_process')
  const script =
    'import socket,sys,time\ns=socket.socket();s.bind(("127.0.0.1",0));s.listen(0)\nc=[]\nfor i in range(4):\n x=socket.socket();x.setblocking(False)\n x.connect_ex(s.getsockname());c.append(x)\nprint(s.getsockname()[1],flush=True)\nsys.stdin.read()'
  const child = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill())
  const line = new Promise<string>((resolve) => child.stdout.once('data', (data: Buffer) => resolve(data.toString())))
  return Number(await deadline(line, 'the listener that accepts nobody'))
}
