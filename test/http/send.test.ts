import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, writeFile } from 'node:fs/promises'
import { Agent, get as httpGet } from 'node:http'
import { get as httpsGet } from 'node:https'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { openFileReader } from '../../src/cache/file-reader.ts'
import { cleanup } from '../support/cleanup.ts'
import { get } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { bareClient, type SendServer, sendServer, watchedReader } from '../support/send-scene.ts'
import { tempDir } from '../support/temp-dir.ts'
import { bytesOf, pattern } from '../support/upstream-bytes.ts'

const mib = 1 << 20

/** Large enough for the whole way: small reads, then large ones ahead of the writes. */
const image = pattern(21 * mib + 12_345)

/** The image on disk, read into buffers. */
async function onDisk(t: TestContext) {
  const path = join(await tempDir(t), 'image')
  await writeFile(path, bytesOf(image))
  const file = await open(path)
  cleanup(t, () => file.close())
  const files = openFileReader()
  return watchedReader(image, async (position, max, lend) => {
    const lease = await files.read(file.fd, position, max)
    const counted = lend(lease.bytes)
    return {
      bytes: lease.bytes,
      release() {
        counted.release()
        lease.release()
      },
    }
  })
}

async function completes(served: SendServer, bytes: number, index = 0) {
  const sent = await deadline(served.outcome(index), 'the end of sending')
  assert.deepEqual(sent, { outcome: 'complete', bytes })
}

test('an image from disk arrives as it is, and every buffer comes back', async (t) => {
  const reader = await onDisk(t)
  const served = await sendServer(t, { reader })
  const got = await deadline(get(served.url), 'the image')
  assert(got.complete)
  assert(got.body.equals(bytesOf(image)))
  await completes(served, image.size)
  assert.equal(reader.leases, 0)
  assert(
    reader.asked.some(({ max }) => max === mib),
    'a fast client was never given a megabyte at once',
  )
})

test('the same under TLS', async (t) => {
  const dir = await tempDir(t)
  const [keyFile, certFile] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile]
  await promisify(execFile)('openssl', ['req', '-x509', ...key, '-out', certFile, '-subj', '/CN=test'])
  const tls = { key: await readFile(keyFile), cert: await readFile(certFile) }
  const reader = await onDisk(t)
  const served = await sendServer(t, { reader, tls })
  const [answer] = await once(httpsGet(served.url, { ca: tls.cert, checkServerIdentity: () => undefined }), 'response')
  assert((await deadline(buffer(answer), 'the image')).equals(bytesOf(image)))
  await completes(served, image.size)
  assert.equal(reader.leases, 0)
})

test('a part of an image', async (t) => {
  const reader = watchedReader(image)
  const [start, end] = [1_000_001, 9_000_002]
  const served = await sendServer(t, { reader, start, end })
  const got = await deadline(get(served.url), 'the part')
  assert(got.body.equals(bytesOf(image, start, end)))
  await completes(served, end - start)
  const ends = reader.asked.map(({ position, max }) => position + max)
  assert(Math.max(...ends) <= end, 'read beyond the part')
})

test('no bytes at all', async (t) => {
  const reader = watchedReader(image)
  const served = await sendServer(t, { reader, start: 5, end: 5 })
  const got = await deadline(get(served.url), 'the empty body')
  assert.deepEqual([got.status, got.complete, got.body.length], [200, true, 0])
  await completes(served, 0)
  assert.deepEqual(reader.asked, [])
})

test('whatever pieces the reader gives, at once or later, they arrive in order', async (t) => {
  const random = seededRandom(20)
  for (let round = 0; round < 12; round++) {
    const start = random.between(0, 100_000)
    const end = start + random.between(1, 8 * mib)
    const reader = watchedReader(image, (position, max, lend) => {
      const bytes = image.slice(position, random.between(1, random.pick([max, 1 + (max >> 3)])))
      return random.pick([() => lend(bytes), () => Promise.resolve(lend(bytes))])()
    })
    const served = await sendServer(t, { reader, start, end })
    const got = await deadline(get(served.url), 'the pieces')
    assert(got.body.equals(bytesOf(image, start, end)), `round ${round}: [${start}, ${end})`)
    await completes(served, end - start)
    assert.equal(reader.leases, 0)
  }
})

test('one connection serves one response after another, and gathers no listeners', async (t) => {
  const reader = watchedReader(pattern(200_000))
  const sockets = new Set<Socket>()
  const listeners: number[] = []
  const served = await sendServer(t, {
    reader,
    idleTimeoutMs: 7_777,
    before(outgoing) {
      const { socket } = outgoing.req
      sockets.add(socket)
      listeners.push(socket.listenerCount('close') + socket.listenerCount('timeout'))
      outgoing.once('close', () => assert.equal(outgoing.listenerCount('timeout'), 0))
    },
  })
  served.server.keepAliveTimeout = 50_000
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  cleanup(t, () => agent.destroy())
  for (let index = 0; index < 30; index++) {
    const [answer] = await deadline(once(httpGet(served.url, { agent }), 'response'), 'the next response')
    assert((await buffer(answer)).equals(bytesOf(pattern(200_000))))
    await completes(served, 200_000, index)
    const [socket] = sockets
    assert((socket?.timeout ?? 0) >= 50_000, "the connection has not got Node's keep-alive timeout")
  }
  assert.equal(sockets.size, 1, 'the connection was not used again')
  // The first response leaves one listener on its connection, for those that come after it.
  assert.deepEqual(new Set(listeners.slice(1)).size, 1, `listeners: ${listeners.join(' ')}`)
})

test('any number of pipelined requests: answered in turn, without a warning', async (t) => {
  const warnings: Error[] = []
  const onWarning = (warning: Error) => warnings.push(warning)
  process.on('warning', onWarning)
  t.after(() => process.off('warning', onWarning))
  const size = 150_000
  const reader = watchedReader(pattern(size))
  const served = await sendServer(t, { reader })
  const client = bareClient(t, served.port, 25)
  let received = 0
  client.on('data', (piece) => {
    received += piece.length
  })
  client.resume()
  for (let index = 0; index < 25; index++) await completes(served, size, index)
  await eventually(() => received > 25 * size, 'all bodies and their heads')
  assert.equal(reader.leases, 0)
  assert.deepEqual(warnings, [])
})
