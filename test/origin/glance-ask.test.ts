import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OriginError } from '../../src/origin/origin.ts'
import { digestOf, pattern, patternBytes } from '../support/upstream-bytes.ts'
import { callerOf, nobody, scripted } from '../support/upstream-glance.ts'

const bytes = patternBytes(5000)
const md5 = digestOf(pattern(5000), 'md5')
const granted = { kind: 'granted', identity: { size: 5000, md5 } }

test('one byte is asked for, plainly, in the caller’s name, from no preferred store, and brings size and digest', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  up.allow('one', 'secret-a')
  assert.deepEqual(await glance.ask('one', callerOf('secret-a', [['Via', '1.1 here']], '?prefer=fast')), granted)
  const [asked] = up.requests
  assert.equal(asked?.target, '/v2/images/one/file')
  assert.deepEqual(asked?.headers.slice().sort(), [
    ['Accept-Encoding', 'identity'],
    ['Range', 'bytes=0-0'],
    ['Via', '1.1 here'],
    ['X-Auth-Token', 'secret-a'],
    ['connection', 'keep-alive'],
    ['host', 'images.example:9292'],
  ])
  assert.equal(asked?.sent, 1)
})

test('questions in a row use their connections again', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  for (let n = 0; n < 100; n++) await glance.ask('one', nobody)
  // Two, because undici gives a connection back only in the next turn of the event loop.
  assert.ok(up.connections <= 2, `${up.connections} connections`)
})

test('a no is handed on in the store’s own words, and asked for once', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'off', bytes, status: 'deactivated' })
  up.access.know('known')
  const words = { 401: 'could not verify', 404: 'No image found with ID none', 403: 'has been deactivated' }
  for (const [status, id, token] of [
    [401, 'off', 'x'],
    [404, 'none', 'known'],
    [403, 'off', 'known'],
  ] as const) {
    const before = up.requests.length
    const answer = await glance.ask(id, callerOf(token))
    assert.ok(answer.kind === 'refusal')
    assert.equal(answer.status, status)
    assert.ok(answer.body.toString().includes(words[status]))
    assert.ok(answer.headers.some(([name, value]) => name === 'Content-Length' && value === String(answer.body.length)))
    assert.ok(!answer.headers.some(([name]) => name.toLowerCase() === 'connection'))
    assert.equal(up.requests.length, before + 1)
  }
})

test('a refusal’s body is kept up to 1 MiB, then its length is not claimed any more', async (t) => {
  const { up, glance } = await scripted(t)
  up.nextAnswer(
    () => true,
    async (_request, wire) => {
      await wire.write(`HTTP/1.1 403 Forbidden\r\nContent-Length: 3000000\r\nX-Mark: 1\r\n\r\n`)
      await wire.write(Buffer.alloc(3_000_000, 'n'))
      return 'keep'
    },
  )
  const answer = await glance.ask('one', nobody)
  assert.ok(answer.kind === 'refusal')
  assert.equal(answer.body.length, 1_048_576)
  assert.deepEqual(answer.headers, [['X-Mark', '1']])
})

test('an image without data: the plain download says how it stands', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'queued', bytes: Buffer.alloc(0), status: 'queued' })
  const answer = await glance.ask('queued', nobody)
  assert.ok(answer.kind === 'refusal')
  assert.equal(answer.status, 204)
  assert.deepEqual(
    up.requests.map((request) => request.header('range')),
    ['bytes=0-0', undefined],
  )
})

test('an empty image has no first byte and is granted all the same', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'empty', bytes: Buffer.alloc(0), omit: ['md5'] })
  assert.deepEqual(await glance.ask('empty', nobody), { kind: 'granted', identity: { size: 0, md5: undefined } })
})

test('a failure that outlasts the second look is a refusal', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  up.everyFile('one', { question: true, status: 503, body: 'later' })
  const answer = await glance.ask('one', nobody)
  assert.ok(answer.kind === 'refusal')
  assert.deepEqual([answer.status, answer.body.toString()], [503, 'later'])
})

test('a store without ranges: the image is not downloaded for the question, and the 400 is a yes from then on', async (t) => {
  const { up, glance } = await scripted(t)
  up.refuseRanges = true
  up.addImage({ id: 'big', bytes: pattern(64 << 20), md5 })
  up.addImage({ id: 'other', bytes, stores: 'ceph,file' })
  assert.equal(glance.lacksRanges('big'), false)
  const big = { kind: 'granted', identity: { size: 64 << 20, md5 } }
  assert.deepEqual(await glance.ask('big', nobody), big)
  assert.equal(glance.lacksRanges('big'), true)
  const plain = up.requests.find((request) => request.header('range') === undefined && request.path.endsWith('/file'))
  await plain?.closed
  assert.ok((plain?.sent ?? 0) < 64 << 20, 'the plain download was closed after its headers')
  const before = up.requests.length
  assert.deepEqual(await glance.ask('big', nobody), big)
  assert.deepEqual(
    up.requests
      .slice(before)
      .map((request) => [request.target, request.header('range')])
      .sort(),
    [
      ['/v2/images/big', undefined],
      ['/v2/images/big/file', 'bytes=0-0'],
    ],
  )
  assert.equal(glance.lacksRanges('other'), false, 'another store has shown nothing yet')
})

test('a store without ranges: a no is a no, and a 400 in other words is looked into', async (t) => {
  const { up, glance } = await scripted(t)
  up.refuseRanges = true
  up.addImage({ id: 'one', bytes })
  await glance.ask('one', nobody)
  up.nextFile('one', { question: true, status: 400, body: 'Bad request' })
  up.nextFile('one', { question: true, status: 400, body: 'Bad request' })
  const bad = await glance.ask('one', nobody)
  assert.ok(bad.kind === 'refusal' && bad.status === 400)
  assert.equal(bad.body.toString(), 'Bad request')
  up.addImage({ id: 'one', bytes, status: 'deactivated' })
  const off = await glance.ask('one', nobody)
  assert.ok(off.kind === 'refusal' && off.status === 403)
})

test('a Glance that names no stores is one store; one range given clears it', async (t) => {
  const { up, glance } = await scripted(t)
  up.refuseRanges = true
  for (const id of ['one', 'two']) up.addImage({ id, bytes, omit: ['stores'] })
  await glance.ask('one', nobody)
  assert.equal(glance.lacksRanges('two'), true)
  up.refuseRanges = false
  await glance.ask('two', nobody)
  assert.equal(glance.lacksRanges('one'), false)
})

test('a server that ignores the range is granted from its 200 and does no ranges', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes, omit: ['stores'] })
  up.nextFile('one', { question: true, ignoreRange: true })
  assert.deepEqual(await glance.ask('one', nobody), granted)
  assert.equal(glance.lacksRanges('one'), true)
})

for (const [what, value] of [
  ['no Content-Range', null],
  ['a unit of its own', 'lines 0-0/5000'],
  ['an end before the start', 'bytes 1-0/5000'],
  ['a total it passes', 'bytes 0-0/0'],
  ['another length than the body', 'bytes 0-7/5000'],
] as const) {
  test(`a 206 with ${what} is a bad answer`, async (t) => {
    const { up, glance } = await scripted(t)
    up.addImage({ id: 'one', bytes })
    up.nextFile('one', { question: true, fields: [['Content-Range', value]] })
    await assert.rejects(
      glance.ask('one', nobody),
      (error) => error instanceof OriginError && error.reason === 'bad-answer',
    )
  })
}

test('a total that is not known, and a digest that is not hex, are not declared', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes })
  up.nextFile('one', { question: true, total: '*', md5: 'Q2hlY2sgSW50ZWdyaXR5IQ==' })
  assert.deepEqual(await glance.ask('one', nobody), { kind: 'granted', identity: { size: undefined, md5: undefined } })
})
