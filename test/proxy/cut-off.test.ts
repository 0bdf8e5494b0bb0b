import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { cleanup } from '../support/cleanup.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)
const bytes = patternBytes(2_500_000)
const driver = 'sqlite'

/**
 * A client of HTTP/1.0, for whom a body ends with its connection, on a bare socket: Node's own client calls every end
 * that comes too early a reset.
 */
function askOldStyle(t: TestContext, url: string) {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  cleanup(t, () => socket.destroy())
  let received = 0
  let end: string | undefined
  socket.on('data', (piece) => {
    received += piece.length
  })
  socket.on('end', () => {
    end ??= 'in order'
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    end ??= error.code
  })
  socket.write(`GET ${pathname} HTTP/1.0\r\nHost: x\r\n\r\n`)
  const ended = new Promise<string | undefined>((resolve) => socket.on('close', () => resolve(end)))
  return { socket, received: () => received, ended: () => deadline(ended, 'the connection ends') }
}

describe('rule 6: a response that is cut off ends with a reset, never in order', () => {
  test('when the image proves wrong', async (t) => {
    const upstream = await startUpstream(t)
    upstream.addImage({ id, bytes })
    upstream.nextFile(id, { corruptAt: 5 })
    const proxy = await startProxy(t, { upstream: upstream.url, driver })
    assert.equal(await askOldStyle(t, proxy.image(id)).ended(), 'ECONNRESET')
  })

  test('when an image that is not cached breaks off', async (t) => {
    const upstream = await startUpstream(t)
    upstream.addImage({ id, bytes, omit: ['size'] })
    upstream.nextFile(id, { endAt: 1_000_000 })
    const proxy = await startProxy(t, { upstream: upstream.url, driver })
    const client = askOldStyle(t, proxy.image(id))
    assert.equal(await client.ended(), 'ECONNRESET')
    assert.deepEqual(await proxy.names('incomplete'), [])
  })

  test('when the cache fails and the upstream gives no more', async (t) => {
    const upstream = await startUpstream(t)
    upstream.addImage({ id, bytes })
    const dir = await tempDir(t)
    const one = await startProxy(t, { upstream: upstream.url, driver, dir })
    const two = await startProxy(t, { upstream: upstream.url, driver, dir })
    const stall = upstream.nextFile(id, { stallAt: 1_500_000 })
    const first = askOldStyle(t, one.image(id))
    await stall.reached
    const following = askOldStyle(t, two.image(id))
    await deadline(once(following.socket, 'data'), 'the follower gets bytes')
    upstream.everyFile(id, { status: 403, body: 'no more' })
    first.socket.destroy()
    await one.close()
    assert.equal(await following.ended(), 'ECONNRESET')
  })

  test('when the client takes nothing for the idle time', async (t) => {
    const upstream = await startUpstream(t)
    const large = patternBytes(24_000_000)
    upstream.addImage({ id, bytes: large })
    const flags = ['--origin-idle-timeout=0.3']
    const proxy = await startProxy(t, { upstream: upstream.url, driver, flags })
    const client = askOldStyle(t, proxy.image(id))
    await deadline(once(client.socket, 'data'), 'the client gets bytes')
    client.socket.pause()
    await eventually(
      async () => (await proxy.metric('afterimage_downloads_total{result="miss"}')) === 1,
      'the download is given up',
    )
    client.socket.resume()
    assert.equal(await client.ended(), 'ECONNRESET')
    assert(client.received() < large.length)
  })
})
