import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { deadline } from '../support/deadline.ts'
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts'
import { pattern, patternBytes } from '../support/upstream-bytes.ts'

type Raw = Readonly<{ head: string; body: Buffer; error: string | undefined }>

/** Everything that one request on a connection of its own brings, as bytes, and how the connection ended. */
async function fetchRaw(up: ScriptedUpstream, path: string, fields = ''): Promise<Raw> {
  const socket: Socket = connect(Number(new URL(up.url).port), '127.0.0.1')
  const chunks: Buffer[] = []
  let error: string | undefined
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', (reason: NodeJS.ErrnoException) => {
    error = reason.code
  })
  socket.write(`GET ${path} HTTP/1.1\r\nHost: up\r\n${fields}Connection: close\r\n\r\n`)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await deadline(closed, 'the connection to end')
  const all = Buffer.concat(chunks)
  const end = all.indexOf('\r\n\r\n') + 4
  return { head: all.toString('latin1', 0, end), body: all.subarray(end), error }
}

async function withImage(t: TestContext, size: number): Promise<{ up: ScriptedUpstream; bytes: Buffer }> {
  const up = await startUpstream(t)
  const bytes = patternBytes(size)
  up.addImage({ id: 'one', bytes })
  return { up, bytes }
}

test('gives an image whole and in part, with the fields of Glance', async (t) => {
  const { up, bytes } = await withImage(t, 3_000_000)
  const all = await fetchRaw(up, '/v2/images/one/file')
  assert.match(all.head, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(all.head, /\r\nContent-Length: 3000000\r\n/)
  assert.ok(all.body.equals(bytes))
  const part = await fetchRaw(up, '/v2/images/one/file', 'Range: bytes=1048570-1048580\r\n')
  assert.match(part.head, /^HTTP\/1\.1 206 .*\r\n(.*\r\n)*Content-Range: bytes 1048570-1048580\/3000000\r\n/)
  assert.ok(part.body.equals(bytes.subarray(1_048_570, 1_048_581)))
  assert.equal(up.fileRequests('one').length, 2)
})

for (const place of [0, 1, 500_000, 999_999]) {
  test(`a reset before byte ${place} comes after exactly the bytes before it`, async (t) => {
    const { up, bytes } = await withImage(t, 1_000_000)
    up.nextFile('one', { resetAt: place })
    const cut = await fetchRaw(up, '/v2/images/one/file')
    assert.equal(cut.error, 'ECONNRESET')
    assert.ok(cut.body.equals(bytes.subarray(0, place)), `${cut.body.length} bytes came`)
  })

  test(`an end before byte ${place} is clean and exact, a wrong byte there is the only one`, async (t) => {
    const { up, bytes } = await withImage(t, 1_000_000)
    up.nextFile('one', { endAt: place })
    up.nextFile('one', { corruptAt: place })
    const cut = await fetchRaw(up, '/v2/images/one/file')
    assert.equal(cut.error, undefined)
    assert.ok(cut.body.equals(bytes.subarray(0, place)))
    const wrong = await fetchRaw(up, '/v2/images/one/file')
    assert.equal(wrong.body[place], (bytes[place] ?? 0) ^ 0xff)
    wrong.body[place] = bytes[place] ?? 0
    assert.ok(wrong.body.equals(bytes))
  })
}

test('a stall holds exactly at its place until it is released', async (t) => {
  const { up, bytes } = await withImage(t, 1_000_000)
  const stall = up.nextFile('one', { stallAt: 4096 })
  const coming = fetchRaw(up, '/v2/images/one/file')
  await deadline(stall.reached, 'the stall')
  assert.equal(up.requests[0]?.sent, 4096)
  stall.release()
  assert.ok((await coming).body.equals(bytes))
})

test('more, fewer and differently framed bytes', async (t) => {
  const { up, bytes } = await withImage(t, 10_000)
  up.nextFile('one', { extra: 7 })
  const more = await fetchRaw(up, '/v2/images/one/file')
  assert.match(more.head, /Content-Length: 10007\r\n/)
  assert.equal(more.body.length, 10_007)
  up.nextFile('one', { cutAt: 9 })
  assert.match((await fetchRaw(up, '/v2/images/one/file')).head, /Content-Length: 9\r\n/)
  up.nextFile('one', { contentLength: 10_001 })
  const declared = await fetchRaw(up, '/v2/images/one/file')
  assert.match(declared.head, /Content-Length: 10001\r\n/)
  assert.equal(declared.body.length, 10_000)
  up.nextFile('one', { chunked: true })
  const chunked = await fetchRaw(up, '/v2/images/one/file')
  assert.match(chunked.head, /Transfer-Encoding: chunked\r\n/)
  assert.ok(chunked.body.equals(Buffer.concat([Buffer.from('2710\r\n'), bytes, Buffer.from('\r\n0\r\n\r\n')])))
})

test('a fault waits for a download and lets the question pass', async (t) => {
  const { up } = await withImage(t, 100)
  up.nextFile('one', { status: 500, body: 'no' })
  assert.match((await fetchRaw(up, '/v2/images/one/file', 'Range: bytes=0-0\r\n')).head, / 206 /)
  assert.match((await fetchRaw(up, '/v2/images/one/file')).head, / 500 /)
  up.refuseRanges = true
  assert.match((await fetchRaw(up, '/v2/images/one/file', 'Range: bytes=0-0\r\n')).head, / 400 /)
})

test('says who may see what as Glance does', async (t) => {
  const { up } = await withImage(t, 100)
  up.allow('one', 'alice')
  up.access.know('bob')
  const as = async (token: string) =>
    (await fetchRaw(up, '/v2/images/one/file', `X-Auth-Token: ${token}\r\n`)).head.slice(9, 12)
  assert.deepEqual([await as('alice'), await as('bob'), await as('nobody')], ['200', '404', '401'])
  up.addImage({ id: 'one', bytes: Buffer.alloc(9), status: 'deactivated' })
  assert.equal(await as('alice'), '403')
})

test('sends a large image without holding it', async (t) => {
  const up = await startUpstream(t)
  up.addImage({ id: 'large', bytes: pattern(256 << 20), omit: ['md5', 'hash'] })
  const socket = connect(Number(new URL(up.url).port), '127.0.0.1')
  let length = 0
  socket.on('data', (chunk: Buffer) => {
    length += chunk.length
  })
  const before = process.memoryUsage().rss
  socket.write('GET /v2/images/large/file HTTP/1.1\r\nHost: up\r\nConnection: close\r\n\r\n')
  await deadline(
    once(socket, 'end').then(() => undefined),
    '256 MiB',
  )
  assert.ok(length > 256 << 20)
  assert.ok(process.memoryUsage().rss - before < 100 << 20)
})
