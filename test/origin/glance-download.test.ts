import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf, pattern, patternBytes } from '../support/upstream-bytes.ts'
import type { Fault } from '../support/upstream-fault.ts'
import { because, began, bodyOf, nobody, scripted } from '../support/upstream-glance.ts'

const bytes = patternBytes(300_000)
const md5 = digestOf(pattern(300_000), 'md5')

test('the whole image, as it is, with what its head says', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  const download = await began(glance, 'one')
  assert.deepEqual([download.status, download.offset, download.identity], [200, 0, { size: 300_000, md5 }])
  assert.ok(download.headers.some(([name]) => name === 'X-Openstack-Request-Id'))
  assert.ok((await bodyOf(download)).equals(bytes))
  const [request] = up.requests
  assert.deepEqual([request?.header('range'), request?.header('accept-encoding')], [undefined, 'identity'])
})

for (const [range, asked, end] of [
  [{ start: 17, end: undefined }, 'bytes=17-', 300_000],
  [{ start: 17, end: 18 }, 'bytes=17-17', 18],
  [{ start: 0, end: 65_537 }, 'bytes=0-65536', 65_537],
] as const) {
  test(`a range: ${asked}`, async (t) => {
    const { up, glance } = await scripted(t)
    up.addImage({ id: 'one', bytes })
    const download = await began(glance, 'one', range)
    assert.deepEqual([download.status, download.offset, download.identity], [206, range.start, { size: 300_000, md5 }])
    assert.ok((await bodyOf(download)).equals(bytes.subarray(range.start, end)))
    assert.equal(up.requests[0]?.header('range'), asked)
  })
}

test('from the beginning to the end is no range', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  await bodyOf(await began(glance, 'one', { start: 0, end: undefined }))
  assert.equal(up.requests[0]?.header('range'), undefined)
})

test('a store without ranges gives the whole image, at the second request once, then at the first', async (t) => {
  const { up, glance } = await scripted(t)
  up.refuseRanges = true
  up.addImage({ id: 'one', bytes })
  const first = await began(glance, 'one', { start: 100, end: undefined })
  assert.deepEqual([first.status, first.offset], [200, 0])
  assert.ok((await bodyOf(first)).equals(bytes))
  assert.equal(glance.lacksRanges('one'), true)
  const before = up.fileRequests('one').length
  assert.equal((await began(glance, 'one', { start: 100, end: undefined })).offset, 0)
  assert.deepEqual(
    up
      .fileRequests('one')
      .slice(before)
      .map((request) => request.header('range')),
    [undefined],
  )
})

test('a server that ignores the range is remembered too', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  up.nextFile('one', { ignoreRange: true })
  const download = await began(glance, 'one', { start: 5, end: 9 })
  assert.deepEqual([download.status, download.offset], [200, 0])
  assert.equal(glance.lacksRanges('one'), true)
})

test('everything but 200 and 206 is a refusal', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  up.addImage({ id: 'queued', bytes: Buffer.alloc(0), status: 'queued' })
  up.nextFile('one', { status: 500, body: 'Glance fell over' })
  const refused = await glance.download('one', nobody)
  assert.ok(refused.kind === 'refusal')
  assert.deepEqual([refused.status, refused.body.toString()], [500, 'Glance fell over'])
  for (const [id, range, status] of [
    ['queued', undefined, 204],
    ['one', { start: 300_000, end: undefined }, 416],
    ['none', undefined, 404],
  ] as const) {
    const answer = await glance.download(id, nobody, range)
    assert.ok(answer.kind === 'refusal')
    assert.equal(answer.status, status)
  }
})

test('a length that is not said is not known, and a chunked end is an end', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  up.nextFile('one', { chunked: true })
  const download = await began(glance, 'one')
  assert.deepEqual(download.identity, { size: undefined, md5 })
  assert.ok((await bodyOf(download)).equals(bytes))
})

for (const [what, fault, wanted] of [
  ['a 206 from another place', { shiftRange: 1 }, { start: 10, end: 20 }],
  ['a 206 past the end asked for', { extra: 1 }, { start: 10, end: 20 }],
  ['a 206 without Content-Range', { fields: [['Content-Range', null]] }, { start: 10, end: 20 }],
  [
    'a 206 with nonsense for Content-Range',
    { fields: [['Content-Range', 'bytes 10-x/300000']] },
    { start: 10, end: 20 },
  ],
  ['a compressed body', { fields: [['Content-Encoding', 'gzip']] }, undefined],
] as const satisfies ReadonlyArray<readonly [string, Fault, unknown]>) {
  test(`${what} is a bad answer`, async (t) => {
    const { up, glance } = await scripted(t)
    up.addImage({ id: 'one', bytes })
    up.nextFile('one', fault)
    await assert.rejects(glance.download('one', nobody, wanted), because('bad-answer'))
  })
}

for (const [what, head] of [
  ['a part, although all was asked for', '206 Partial Content\r\nContent-Range: bytes 0-4/300000\r\nContent-Length: 5'],
  ['another success, longer than is kept', '203 Non-Authoritative\r\nContent-Length: 2000000'],
] as const) {
  test(`${what}, is a bad answer`, async (t) => {
    const { up, glance } = await scripted(t)
    up.nextAnswer(
      () => true,
      async (_request, wire) => {
        await wire.write(`HTTP/1.1 ${head}\r\n\r\n${'x'.repeat(2_000_000)}`)
        return 'close'
      },
    )
    await assert.rejects(glance.download('one', nobody), because('bad-answer'))
  })
}

test('a body that ends with its connection ends in order', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  up.nextFile('one', { untilClose: true })
  const download = await began(glance, 'one')
  assert.equal(download.identity.size, undefined)
  assert.ok((await bodyOf(download)).equals(bytes))
})

for (const [what, fault] of [
  ['ends before its Content-Length', { endAt: 299_999 }],
  ['is shorter than its Content-Length', { contentLength: 300_001 }],
  ['is cut off in its chunks', { chunked: true, endAt: 299_999 }],
  ['is cut off in its chunks, on a connection that was to be closed', { chunked: true, endAt: 299_999, close: true }],
  ['ends before its Content-Length, on a connection that was to be closed', { endAt: 299_999, close: true }],
  ['has no framing and is reset', { untilClose: true, resetAt: 299_999 }],
  ['is reset at the first byte', { resetAt: 0 }],
  ['is reset in the middle', { resetAt: 150_001 }],
  ['is reset at the last byte', { resetAt: 299_999 }],
] as const satisfies ReadonlyArray<readonly [string, Fault]>) {
  test(`a body that ${what} is broken, after no wrong byte`, async (t) => {
    const { up, glance } = await scripted(t)
    up.addImage({ id: 'one', bytes })
    up.nextFile('one', fault)
    const chunks: Buffer[] = []
    const download = await began(glance, 'one')
    await assert.rejects(
      download.deliver((chunk) => {
        chunks.push(Buffer.from(chunk))
      }),
      because('broken'),
    )
    const got = Buffer.concat(chunks)
    assert.ok(got.equals(bytes.subarray(0, got.length)))
    const before = 'resetAt' in fault ? fault.resetAt : 299_999
    assert.ok(got.length >= before, `${got.length} bytes of ${before} arrived`)
  })
}

test('a part whose chunks end early is broken, although they end in order', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  up.nextFile('one', { chunked: true, cutAt: 15, fields: [['Content-Range', 'bytes 10-19/300000']] })
  await assert.rejects(bodyOf(await began(glance, 'one', { start: 10, end: 20 })), because('broken'))
})

test('bytes behind the Content-Length are not given', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  up.nextFile('one', { extra: 10, contentLength: 300_000 })
  assert.ok((await bodyOf(await began(glance, 'one'))).equals(bytes))
})
