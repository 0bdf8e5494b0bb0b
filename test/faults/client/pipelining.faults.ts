import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadline, eventually } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'
import { type Seen, saw } from '../matrix/seen.ts'
import { ask, type Scene, startScene } from './scene.ts'

const told = (fault: string, client: string, disk = 'nothing'): void => {
  const seen: Seen = { area: 'client', step: 'RFC 9112 9.3.2: pipelining', fault, driver: 'any', client, disk }
  saw(seen)
}

/** The store's answer to the next request of this target waits until it is let go. */
function held({ upstream }: Scene, target: string) {
  const go = Promise.withResolvers<void>()
  upstream.nextAnswer(
    (request) => request.target === target,
    async (request, wire) => {
      await request.body()
      await Promise.race([go.promise, wire.closed])
      await wire.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nheld')
      return 'keep'
    },
  )
  return { go: () => go.resolve(), asked: () => upstream.whenRequested((request) => request.target === target) }
}

test('requests behind one that is not answered yet', async (t) => {
  const scene = await startScene(t, { size: 12 << 20 })
  const { upstream, tap, bytes, file } = scene
  const asked = (target: string) => tap.requests.some((request) => request.target === target)

  await t.test('begin when its answer is complete, and are answered in turn', async (t) => {
    const first = held(scene, '/first')
    const client = await scene.connect(t)
    client.write(
      ask('GET /first') + ask('DELETE /second') + ask(`GET ${file()}`, 'Range: bytes=5-9\r\n') + ask('GET /third'),
    )
    await first.asked()
    // The round trip of another connection: what was to be asked meanwhile would have been.
    const other = await scene.connect(t)
    other.write(ask('GET /meanwhile'))
    await other.answer()
    assert(!asked('/second') && !asked('/third'))
    first.go()
    assert.equal((await client.answer()).body.toString(), 'held')
    assert.match((await client.answer()).body.toString(), /"target":"\/second"/)
    const range = await client.answer()
    assert.deepEqual([range.status, range.body], [206, bytes.subarray(5, 10)])
    assert.match((await client.answer()).body.toString(), /"target":"\/third"/)
    told('a DELETE behind a GET that the store has not answered', 'its own answers, in turn')
  })

  await t.test('a DELETE behind a download that nobody reads', async (t) => {
    const client = await scene.connect(t)
    client.socket.pause()
    client.write(ask(`GET ${file()}`) + ask('DELETE /behind-unread'))
    const other = await scene.connect(t)
    other.write(ask('GET /meanwhile-2'))
    await other.answer()
    assert(!asked('/behind-unread'))
    client.socket.resume()
    const download = await client.answer()
    assert(download.body.equals(bytes))
    assert.match((await client.answer()).body.toString(), /"target":"\/behind-unread"/)
    told('a DELETE behind a download that nobody reads', 'the whole image, from the cache, then its own answer')
  })

  await t.test('twenty downloads at once', async (t) => {
    const client = await scene.connect(t)
    const ranges = Array.from(
      { length: 20 },
      (_, index) => [index * 600_000, index * 600_000 + 50_000 + index] as const,
    )
    client.write(ranges.map(([from, to]) => ask(`GET ${file()}`, `Range: bytes=${from}-${to}\r\n`)).join(''))
    for (const [from, to] of ranges)
      assert((await client.answer()).body.equals(bytes.subarray(from, to + 1)), `${from}`)
    told('twenty ranges of a cached image', 'the whole image, from the cache')
  })

  await t.test('three downloads of an image that is arriving', async (t) => {
    const id = imageId(2)
    const arriving = patternBytes(600_000)
    upstream.addImage({ id, bytes: arriving })
    const stall = upstream.nextFile(id, { stallAt: 300_000 })
    const client = await scene.connect(t)
    client.write(ask(`GET ${file(id)}`) + ask(`GET ${file(id)}`, 'Range: bytes=100-\r\n') + ask(`GET ${file(id)}`))
    await deadline(stall.reached, 'half of the image')
    stall.release()
    for (const from of [0, 100, 0]) assert((await client.answer()).body.equals(arriving.subarray(from)))
    assert.equal(upstream.downloads(id).length, 1)
    await scene.proxy.committed(id)
    told('three downloads of an image that is arriving', 'the whole image', 'committed')
  })

  await t.test('no HTTP behind a download that is being sent', async (t) => {
    const client = await scene.connect(t)
    client.write(ask(`GET ${file()}`))
    await client.head()
    client.socket.pause()
    client.write('no HTTP\r\n\r\n')
    client.socket.resume()
    await deadline(client.closed, 'the end of the connection')
    assert(client.bytes.length < bytes.length && bytes.subarray(0, client.bytes.length).equals(client.bytes))
    assert(!client.ended, 'a reset')
    told('no HTTP behind a download that is being sent', 'cut off, by a reset')
  })

  await t.test('no HTTP behind a request that the store has not answered', async (t) => {
    const first = held(scene, '/spoilt')
    const client = await scene.connect(t)
    client.write(`${ask('GET /spoilt')}no HTTP\r\n\r\n${ask('DELETE /behind-spoilt')}`)
    assert.equal((await client.head()).status, 400)
    await deadline(client.closed, 'the end of the connection')
    assert.equal(client.bytes.length, 0)
    first.go()
    assert(!asked('/behind-spoilt'))
    told('no HTTP behind a request that the store has not answered', '400, connection closed')
  })

  await t.test('more than a hundred behind one', async (t) => {
    const first = held(scene, '/patient')
    const client = await scene.connect(t)
    client.write(ask('GET /patient'))
    const { closed } = await first.asked()
    client.write(ask('DELETE /ahead').repeat(20_000))
    await deadline(client.closed, 'the end of the connection')
    assert.equal(client.bytes.length, 0)
    await deadline(closed, 'what was asked of the store is given up')
    assert(!asked('/ahead'))
    told('20 000 requests behind one that the store has not answered', 'cut off')
  })

  await t.test('a client that leaves', async (t) => {
    const first = held(scene, '/left')
    const client = await scene.connect(t)
    client.write(ask('GET /left') + ask('DELETE /behind-left'))
    const { closed } = await first.asked()
    client.socket.destroy()
    await deadline(closed, 'what was asked of the store is given up')
    first.go()
    const other = await scene.connect(t)
    other.write(ask('GET /meanwhile-3'))
    await other.answer()
    assert(!asked('/behind-left'))
    told('a client that leaves with a DELETE waiting', 'left')
  })

  await t.test('a DELETE behind an upload that is refused before its end', async (t) => {
    upstream.nextAnswer(
      ({ target }) => target === '/refused',
      async (_request, wire) => {
        await wire.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno')
        await wire.closed
        return 'done'
      },
    )
    const client = await scene.connect(t)
    client.write(ask('PUT /refused', 'Content-Length: 100000\r\n', 'x'.repeat(1000)))
    const answer = await client.answer()
    assert.equal(answer.status, 401)
    client.write('x'.repeat(99_000) + ask('DELETE /behind-refused'))
    await deadline(client.closed, 'the end of the connection')
    assert.equal(client.bytes.length, 0)
    assert(!asked('/behind-refused'))
    told('a DELETE behind an upload that is refused before its end', 'its own answer, connection closed')
  })

  await t.test('the store has been asked for nothing else', async () => {
    await eventually(() => tap.requests.length > 0, 'requests')
    assert.deepEqual(tap.violations(), [])
    const deletes = tap.requests.filter(({ method }) => method === 'DELETE').map(({ target }) => target)
    assert.deepEqual(deletes, ['/second', '/behind-unread'])
  })
})
