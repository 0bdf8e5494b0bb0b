import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { open, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { get as httpsGet } from 'node:https'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { openFileReader } from '../../src/cache/file-reader.ts'
import { type ImageReader, ReadFailed, type Span } from '../../src/cache/reader.ts'
import { openSendfile, type Sendfile } from '../../src/sendfile/sendfile.ts'
import { cleanup } from '../support/cleanup.ts'
import { get } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { bareClient, sendServer } from '../support/send-scene.ts'
import { tempDir } from '../support/temp-dir.ts'
import { bytesOf, pattern } from '../support/upstream-bytes.ts'

const mib = 1 << 20
const image = pattern(24 * mib + 12_345)

async function kernel(t: TestContext, threads?: number): Promise<Sendfile> {
  const sendfile = await openSendfile(threads)
  assert(sendfile !== undefined, 'this system has no sendfile')
  cleanup(t, () => sendfile[Symbol.asyncDispose]())
  return sendfile
}

/** The image in a real file, read or lent as a file, with what was lent. */
type Lending = Readonly<{
  lendable?: (position: number, max: number) => number
  isInMemory?: boolean
  /** Which megabytes are holes. */
  isHole?: (megabyte: number) => boolean
}>

async function inFile(t: TestContext, lending: Lending = {}) {
  const { lendable = (_: number, max: number) => max, isInMemory = false, isHole } = lending
  const isSparse = isHole !== undefined
  const path = join(await tempDir(t), 'image')
  const bytes = bytesOf(image)
  if (isHole === undefined) await writeFile(path, bytes)
  else {
    await using written = await open(path, 'w')
    await written.truncate(bytes.length)
    for (let at = 0; at < bytes.length; at += mib) {
      const part = bytes.subarray(at, at + mib)
      if (isHole(at / mib)) part.fill(0)
      else await written.write(part, 0, part.length, at)
    }
    await written.sync()
  }
  const file = await open(path)
  cleanup(t, () => file.close())
  const files = openFileReader()
  const read: number[] = []
  let lent = 0
  const reader: ImageReader = {
    size: image.size,
    async read(position, max) {
      read.push(position)
      try {
        return await files.read(file.fd, position, max)
      } catch (cause) {
        throw new ReadFailed('cache', 'reading failed', { cause })
      }
    },
    span(position, max): Span | undefined {
      const length = lendable(position, max)
      if (length === 0) return undefined
      lent++
      let held = true
      return {
        fd: file.fd,
        end: position + length,
        isInMemory,
        isSparse,
        release() {
          assert(held, 'a span was released twice')
          held = false
          lent--
        },
      }
    },
    close() {},
  }
  return { path, bytes, reader, read, lent: () => lent }
}

const openDescriptors = async () => (await readdir('/proc/self/fd')).length

describe('a file that the kernel sends', () => {
  test('arrives as it is; only its last 16 KiB are read', async (t) => {
    const { reader, read, lent } = await inFile(t)
    const served = await sendServer(t, { reader, sendfile: await kernel(t) })
    const got = await deadline(get(served.url), 'the image')
    assert(got.complete && got.body.equals(bytesOf(image)))
    assert.deepEqual(await served.outcome(), { outcome: 'complete', bytes: image.size })
    assert.deepEqual(read, [image.size - (16 << 10)])
    assert.equal(lent(), 0)
  })

  test('a part of it, to its last byte and none beyond', async (t) => {
    const { reader } = await inFile(t)
    const [start, end] = [1_000_001, 20_000_002]
    const served = await sendServer(t, { reader, start, end, sendfile: await kernel(t) })
    const got = await deadline(get(served.url), 'the part')
    assert(got.complete && got.body.equals(bytesOf(image, start, end)))
  })

  test('in turn with bytes that are read, in whatever pieces', async (t) => {
    const random = seededRandom(7)
    const lendable = (_: number, max: number) => random.pick([0, 0, max, Math.min(max, random.between(1, 3 * mib))])
    const { reader, lent } = await inFile(t, { lendable })
    const sendfile = await kernel(t)
    for (let round = 0; round < 4; round++) {
      const start = random.between(0, mib)
      const end = random.between(16 * mib, image.size)
      const served = await sendServer(t, { reader, start, end, sendfile })
      const got = await deadline(get(served.url), 'the image')
      assert(got.complete && got.body.equals(bytesOf(image, start, end)), `round ${round}: [${start}, ${end})`)
      assert.equal(lent(), 0)
    }
  })

  test('over one connection again and again, and pipelined', async (t) => {
    const { reader } = await inFile(t)
    const served = await sendServer(t, { reader, end: 5 * mib, sendfile: await kernel(t) })
    const client = bareClient(t, served.port, 6)
    const pieces: Buffer[] = []
    client.on('data', (piece) => pieces.push(piece)).resume()
    for (let index = 0; index < 6; index++) {
      assert.deepEqual(await deadline(served.outcome(index), 'the next one'), { outcome: 'complete', bytes: 5 * mib })
    }
    const all = () => Buffer.concat(pieces)
    await eventually(() => all().length > 30 * mib, 'all bytes have come')
    let at = 0
    for (let index = 0; index < 6; index++) {
      at = all().indexOf('\r\n\r\n', at) + 4
      assert(
        all()
          .subarray(at, at + 5 * mib)
          .equals(bytesOf(image, 0, 5 * mib)),
        `answer ${index}`,
      )
      at += 5 * mib
    }
  })

  for (const [where, isHole] of [
    ['at its ends', (megabyte: number) => megabyte < 3 || megabyte > 20],
    ['everywhere', (megabyte: number) => megabyte % 2 === 1],
    ['only', () => true],
  ] as const) {
    test(`with holes ${where}: zeros are sent for them`, async (t) => {
      const { reader, bytes } = await inFile(t, { isHole })
      const [start, end] = [mib - 7, image.size - 5]
      const served = await sendServer(t, { reader, start, end, sendfile: await kernel(t) })
      const got = await deadline(get(served.url), 'the image')
      assert(got.complete && got.body.equals(bytes.subarray(start, end)))
    })
  }

  test('with holes, cut short: no zeros are made up for what is missing', async (t) => {
    const { path, bytes, reader } = await inFile(t, { isHole: (megabyte) => megabyte > 2 })
    await truncate(path, 9 * mib)
    const served = await sendServer(t, {
      reader,
      sendfile: await kernel(t),
      goOn: (outgoing, sent) => outgoing.end(bytes.subarray(sent.bytes)),
    })
    assert((await deadline(get(served.url), 'the image')).body.equals(bytes))
    const { outcome, bytes: sent } = await served.outcome()
    assert.deepEqual([outcome, sent], ['failed', 9 * mib])
  })

  test('a small part that is in memory goes at once, and nothing is read', async (t) => {
    const { reader, read, lent } = await inFile(t, { isInMemory: true })
    const sendfile = await kernel(t)
    for (const [start, end] of [
      [0, 1],
      [5, 65_541],
      [mib, 2 * mib],
    ] as const) {
      const served = await sendServer(t, { reader, start, end, sendfile })
      const got = await deadline(get(served.url), 'the part')
      assert(got.complete && got.body.equals(bytesOf(image, start, end)), `[${start}, ${end})`)
      assert.deepEqual(await served.outcome(), { outcome: 'complete', bytes: end - start })
    }
    assert.deepEqual(read, [])
    assert.equal(lent(), 0)
  })

  test('small parts in memory, pipelined by a client that reads nothing for a while: in turn, each as it is', async (t) => {
    const size = 300_000
    const { reader, lent } = await inFile(t, { isInMemory: true })
    const served = await sendServer(t, { reader, start: 7, end: 7 + size, sendfile: await kernel(t) })
    const client = bareClient(t, served.port, 60)
    await eventually(() => served.sent.length === 60, 'all are being answered')
    const pieces: Buffer[] = []
    client.on('data', (piece) => pieces.push(piece)).resume()
    for (let index = 0; index < 60; index++) {
      assert.deepEqual(await deadline(served.outcome(index), 'the next one'), { outcome: 'complete', bytes: size })
    }
    await eventually(() => Buffer.concat(pieces).length > 60 * size, 'all bytes have come')
    const all = Buffer.concat(pieces)
    let at = 0
    for (let index = 0; index < 60; index++) {
      at = all.indexOf('\r\n\r\n', at) + 4
      assert(all.subarray(at, at + size).equals(bytesOf(image, 7, 7 + size)), `answer ${index}`)
      at += size
    }
    assert.equal(lent(), 0)
  })

  test('a client under TLS gets it another way', async (t) => {
    const dir = await tempDir(t)
    const [keyFile, certFile] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile]
    await promisify(execFile)('openssl', ['req', '-x509', ...key, '-out', certFile, '-subj', '/CN=test'])
    const tls = { key: await readFile(keyFile), cert: await readFile(certFile) }
    const { reader } = await inFile(t)
    const served = await sendServer(t, { reader, tls, sendfile: await kernel(t) })
    const [answer] = await once(
      httpsGet(served.url, { ca: tls.cert, checkServerIdentity: () => undefined }),
      'response',
    )
    assert((await deadline(buffer(answer), 'the image')).equals(bytesOf(image)))
  })
})

describe('a client of the kernel', () => {
  test('that leaves ends it: the file and the descriptors come back', async (t) => {
    const { reader, lent } = await inFile(t)
    const served = await sendServer(t, { reader, sendfile: await kernel(t, 1) })
    await deadline(get(served.url), 'its thread has been started')
    const before = await openDescriptors()
    for (let index = 1; index <= 5; index++) {
      const got = await deadline(get(served.url, { leaveAfter: 9 * mib }), 'the client leaves')
      assert(!got.complete)
      const { outcome, bytes } = await deadline(served.outcome(index), 'the end of sending')
      assert.equal(outcome, 'client-left')
      assert(bytes >= 9 * mib && bytes < image.size, `${bytes} bytes`)
    }
    await eventually(() => lent() === 0, 'the file is given back')
    await eventually(async () => (await openDescriptors()) <= before, 'no descriptor is left')
  })

  test('that takes nothing is cut off by a reset after the idle time', async (t) => {
    const { reader, lent } = await inFile(t)
    const served = await sendServer(t, { reader, idleTimeoutMs: 150, sendfile: await kernel(t) })
    await deadline(get(served.url), 'its threads have been started')
    const client = bareClient(t, served.port)
    const { outcome, bytes } = await deadline(served.outcome(1), 'the client is cut off')
    assert.equal(outcome, 'client-stalled')
    assert(bytes > 0 && bytes < image.size, `${bytes} bytes`)
    const broken = once(client, 'error')
    client.resume()
    const [error] = await deadline(broken, 'the client notices')
    assert.equal(error.code, 'ECONNRESET')
    await eventually(() => lent() === 0, 'the file is given back')
  })

  test('that takes little by little is not cut off', async (t) => {
    const { reader } = await inFile(t)
    const served = await sendServer(t, { reader, end: 16 * mib, idleTimeoutMs: 1000, sendfile: await kernel(t) })
    const client = bareClient(t, served.port)
    let received = 0
    client.on('data', (piece) => {
      received += piece.length
      if (received % (512 << 10) >= piece.length) return
      client.pause()
      setTimeout(() => client.resume(), 50)
    })
    client.resume()
    const sent = await deadline(served.outcome(), 'the end of sending')
    assert.deepEqual(sent, { outcome: 'complete', bytes: 16 * mib })
  })

  test('never gets bytes of another: sixteen that come and leave again and again', async (t) => {
    const { reader, lent } = await inFile(t)
    const served = await sendServer(t, { reader, end: 6 * mib, sendfile: await kernel(t) })
    const wanted = bytesOf(image, 0, 6 * mib)
    const random = seededRandom(200)
    const client = async () => {
      for (let round = 0; round < 6; round++) {
        const leaveAfter = random.pick([0, random.between(1, 6 * mib - 1)])
        const got = await deadline(get(served.url, leaveAfter === 0 ? {} : { leaveAfter }), 'an answer')
        assert(got.body.equals(wanted.subarray(0, got.body.length)), 'bytes of something else')
        if (leaveAfter === 0) assert.equal(got.body.length, wanted.length)
      }
    }
    await Promise.all(Array.from({ length: 16 }, client))
    await eventually(() => lent() === 0, 'the file is given back')
  })
})

describe('when the kernel cannot go on', () => {
  test('a file that was cut short: what is missing comes from elsewhere', async (t) => {
    const { path, reader, lent } = await inFile(t)
    const cutAt = 17 * mib + 5
    await truncate(path, cutAt)
    const served = await sendServer(t, {
      reader,
      sendfile: await kernel(t),
      goOn: (outgoing, { bytes }) => outgoing.end(bytesOf(image, bytes, image.size)),
    })
    const got = await deadline(get(served.url), 'the image')
    assert(got.complete && got.body.equals(bytesOf(image)))
    const { outcome, bytes, error } = await served.outcome()
    assert.deepEqual([outcome, bytes, error?.fault], ['failed', cutAt, 'cache'])
    assert.equal(lent(), 0)
  })

  test('something that cannot be sent from is read', async (t) => {
    const { reader } = await inFile(t)
    const directory = await open(await tempDir(t))
    cleanup(t, () => directory.close())
    const span = (position: number, max: number) => ({
      fd: directory.fd,
      end: position + max,
      isInMemory: false,
      isSparse: false,
      release() {},
    })
    const served = await sendServer(t, { reader: { ...reader, span }, sendfile: await kernel(t) })
    const got = await deadline(get(served.url), 'the image')
    assert(got.complete && got.body.equals(bytesOf(image)))
  })

  test('its threads are ended in the middle: the rest is read', async (t) => {
    const { reader, read, lent } = await inFile(t)
    const sendfile = await kernel(t)
    const served = await sendServer(t, { reader, sendfile })
    const client = bareClient(t, served.port)
    await eventually(() => lent() === 1, 'the kernel is sending')
    await deadline(sendfile[Symbol.asyncDispose](), 'the end of the threads')
    const pieces: Buffer[] = []
    client.on('data', (piece) => pieces.push(piece)).resume()
    assert.deepEqual(await deadline(served.outcome(), 'the end of sending'), { outcome: 'complete', bytes: image.size })
    await eventually(() => Buffer.concat(pieces).subarray(-image.size).equals(bytesOf(image)), 'all of it has come')
    assert(read.length > 100)
    assert.equal(lent(), 0)
  })
})

test('a process that exits in the middle of sending does so at once', async (t) => {
  const program = `
    import { createServer } from 'node:http'
    import { open } from 'node:fs/promises'
    import { connect } from 'node:net'
    import { openSendfile } from '${new URL('../../src/sendfile/sendfile.ts', import.meta.url)}'
    const sendfile = await openSendfile()
    const file = await open(process.argv[1])
    const server = createServer((_, outgoing) => {
      outgoing.writeHead(200, { 'Content-Length': 1e9 })
      outgoing.write('x', () => {
        sendfile.send(outgoing.socket, { fd: file.fd, position: 0, end: 20e6, isSparse: false })
        setTimeout(() => process.exit(7), 50)
      })
    }).listen(0, '127.0.0.1', () => {
      connect(server.address().port, '127.0.0.1').pause().write('GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
    })`
  const { path } = await inFile(t)
  const started = performance.now()
  const exited = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, path])
  await assert.rejects(deadline(exited, 'the end of the process'), { code: 7 })
  t.diagnostic(`${Math.round(performance.now() - started)} ms`)
})
