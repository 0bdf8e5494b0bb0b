import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { startProxy } from '../support/upstream-proxy.ts'
import { request } from '../support/upstream-raw-client.ts'

type Echo = { method: string; target: string; headers: Array<[string, string]>; length: number; sha256: string }

const sha256 = (text: string) => createHash('sha256').update(text, 'latin1').digest('hex')

function echoOf(body: Buffer): Echo {
  return JSON.parse(body.toString('utf8'))
}

test('method, raw target, fields and body arrive as they were sent', async (t) => {
  const { port, up, settled } = await startProxy(t)
  const target = '/v2/%2e%2e/tasks/a%2fb/./..//x?limit=2&name=%C3%A9&sort=a:b'
  const answer = await request(
    t,
    port,
    [
      `PATCH ${target} HTTP/1.1`,
      'Host: images.example:9292',
      'X-Auth-Token: secret',
      'content-TYPE: application/openstack-images-v2.1-json-patch',
      'X-Twice: one',
      'Accept: */*',
      'x-twice: two',
      'Accept-Encoding: gzip, br',
      'Range: bytes=1-2',
      'If-Match: "x"',
      'Content-Length: 11',
    ],
    'hello world',
  )
  assert.equal(answer.status, 200)
  const echo = echoOf(answer.body)
  assert.deepEqual([echo.method, echo.target, echo.length, echo.sha256], ['PATCH', target, 11, sha256('hello world')])
  const twice = echo.headers.filter(([name]) => name.toLowerCase() === 'x-twice')
  assert.deepEqual(twice, [
    ['X-Twice', 'one'],
    ['x-twice', 'two'],
  ])
  assert.deepEqual(
    echo.headers
      .filter(([name]) => name !== 'x-twice' && name !== 'X-Twice')
      .map(([name, value]) => `${name}: ${value}`),
    [
      'host: images.example:9292',
      'connection: keep-alive',
      'X-Auth-Token: secret',
      'Accept: */*',
      'Via: 1.1 cache-under-test',
      'X-Forwarded-For: 127.0.0.1',
      'X-Forwarded-Proto: http',
      'X-Forwarded-Host: images.example:9292',
      'X-Openstack-Request-Id: req-of-ours',
      'content-TYPE: application/openstack-images-v2.1-json-patch',
      'Accept-Encoding: gzip, br',
      'Range: bytes=1-2',
      'If-Match: "x"',
      'content-length: 11',
    ],
  )
  assert.deepEqual(await settled(1), [{ status: 200, bytes: answer.body.length, complete: true }])
  assert.equal(up.requests.length, 1)
})

test('hop-by-hop fields and those that Connection names stay here', async (t) => {
  const { port, up } = await startProxy(t)
  await request(t, port, [
    'GET /v2/images HTTP/1.1',
    'Host: h',
    'Connection: keep-alive, X-Private',
    'connection: x-also, TE',
    'Keep-Alive: timeout=9, max=3',
    'X-Private: 1',
    'X-ALSO: 2',
    'TE: trailers',
    'Trailer: X-End',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABkAAQAAP__',
    'Proxy-Authorization: Basic c2VjcmV0',
    'Proxy-Connection: keep-alive',
    'X-Kept: 3',
  ])
  const names = up.requests[0]?.headers.map(([name]) => name.toLowerCase()).sort()
  assert.deepEqual(names, [
    'connection',
    'host',
    'http2-settings',
    'via',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-kept',
    'x-openstack-request-id',
  ])
  assert.equal(up.requests[0]?.header('connection'), 'keep-alive')
})

test('a Via and X-Forwarded-* that came are carried on, a request id of the client’s is kept', async (t) => {
  const { port, up } = await startProxy(t)
  await request(t, port, [
    'GET /v2/images HTTP/1.0',
    'Host: h',
    'Via: 1.0 first',
    'X-Forwarded-For: 192.0.2.7',
    'Via: 1.1 second (a, b)',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: public.example',
    'X-Openstack-Request-Id: req-of-theirs',
  ])
  const got = up.requests[0]
  assert.deepEqual(got?.all('via'), ['1.0 first, 1.1 second (a, b), 1.0 cache-under-test'])
  assert.deepEqual(got?.all('x-forwarded-for'), ['192.0.2.7, 127.0.0.1'])
  assert.deepEqual(got?.all('x-forwarded-proto'), ['https'])
  assert.deepEqual(got?.all('x-forwarded-host'), ['public.example'])
  assert.deepEqual(got?.all('x-openstack-request-id'), ['req-of-theirs'])
})

for (const [what, field] of [
  ['an empty value', 'X-Odd:'],
  ['a tab', 'X-Odd: a\tb'],
  ['bytes above 127', 'X-Odd: caf\xe9 \xff'],
  ['every character a name may have', "X!#$%&'*+-.^_`|~9: 1"],
  ['30 000 bytes', `X-Odd: ${'x'.repeat(30_000)}`],
  ['quotes and colons', 'X-Odd: "a:b", <c>;d=\\e'],
] as const) {
  test(`an odd but legal field passes: ${what}`, async (t) => {
    const { port, up } = await startProxy(t)
    const answer = await request(t, port, ['GET /v2/images HTTP/1.1', 'Host: h', field])
    assert.equal(answer.status, 200)
    const colon = field.indexOf(':')
    assert.deepEqual(up.requests[0]?.all(field.slice(0, colon)), [field.slice(colon + 1).trim()])
  })
}

for (const [what, lines, body, length] of [
  ['PUT with Content-Length', ['PUT /x HTTP/1.1', 'Host: h', 'Content-Length: 5'], 'abcde', 5],
  [
    'PUT in chunks',
    ['PUT /x HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked'],
    '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
    5,
  ],
  [
    'chunks with a trailer',
    ['POST /x HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked'],
    '5\r\nabcde\r\n0\r\nX-End: 1\r\n\r\n',
    5,
  ],
  ['DELETE with a body', ['DELETE /x HTTP/1.1', 'Host: h', 'Content-Length: 5'], 'abcde', 5],
  ['GET with a body', ['GET /x HTTP/1.1', 'Host: h', 'Content-Length: 5'], 'abcde', 5],
  ['POST with an empty body', ['POST /x HTTP/1.1', 'Host: h', 'Content-Length: 0'], '', 0],
  ['PUT with no chunk at all', ['PUT /x HTTP/1.1', 'Host: h', 'Transfer-Encoding: chunked'], '0\r\n\r\n', 0],
] as const) {
  test(`a body is passed on: ${what}`, async (t) => {
    const { port, up } = await startProxy(t)
    const echo = echoOf((await request(t, port, lines, body)).body)
    assert.deepEqual([echo.length, echo.sha256], [length, sha256('abcde'.slice(0, length))])
    const framed = up.requests[0]?.header('content-length') ?? up.requests[0]?.header('transfer-encoding')
    assert.equal(framed, lines[2].startsWith('Content') || length === 0 ? String(length) : 'chunked')
  })
}

for (const method of ['GET', 'DELETE', 'OPTIONS', 'HEAD']) {
  test(`${method} without a body has none upstream either`, async (t) => {
    const { port, up } = await startProxy(t)
    await request(t, port, [`${method} /v2/schemas HTTP/1.1`, 'Host: h'])
    assert.deepEqual(
      [up.requests[0]?.header('content-length'), up.requests[0]?.header('transfer-encoding')],
      [undefined, undefined],
    )
  })
}

test('the url’s path comes before every target, with and without its last slash', async (t) => {
  for (const path of ['/image', '/image/']) {
    const outer = await startProxy(t)
    const { port } = await startProxy(t, { url: outer.up.url + path })
    await request(t, port, ['GET /v2/images?x=/ HTTP/1.1', 'Host: h'])
    assert.equal(outer.up.requests[0]?.target, '/image/v2/images?x=/')
  }
})

test('the absolute form of a target loses its authority, nothing else', async (t) => {
  const { port, up } = await startProxy(t)
  await request(t, port, ['GET http://elsewhere.example:1/v2/%2e/a?b HTTP/1.1', 'Host: h'])
  await request(t, port, ['GET http://elsewhere.example?b HTTP/1.1', 'Host: h'])
  assert.deepEqual(
    up.requests.map(({ target }) => target),
    ['/v2/%2e/a?b', '/?b'],
  )
})

test('a target without a path is a bad request, and nobody is asked', async (t) => {
  const { port, up, settled } = await startProxy(t)
  const answer = await request(t, port, ['OPTIONS * HTTP/1.1', 'Host: h'])
  assert.equal(answer.status, 400)
  assert.match(answer.body.toString(), /^400 Bad Request\n\n.*"\*" has no path/)
  assert.equal(up.requests.length, 0)
  assert.equal((await settled(1))[0]?.status, 400)
})

test('another target, dropped fields and added ones', async (t) => {
  const more = {
    target: '/v2/images/one/file?a=%2f',
    dropHeaders: ['range', 'If-Range'],
    responseHeaders: [['Cache-Status', 'afterimage; fwd=bypass']],
  } as const
  const { port, up } = await startProxy(t, { more })
  up.addImage({ id: 'one', bytes: Buffer.from('bytes') })
  const answer = await request(t, port, [
    'GET /images/one HTTP/1.1',
    'Host: h',
    'Range: bytes=1-2',
    'If-Range: "x"',
    'Accept: a/b',
  ])
  const [got] = up.requests
  assert.deepEqual(
    [got?.target, got?.header('range'), got?.header('if-range'), got?.header('accept')],
    [more.target, undefined, undefined, 'a/b'],
  )
  assert.ok(answer.fields.some(([name, value]) => name === 'Cache-Status' && value === 'afterimage; fwd=bypass'))
  assert.equal(answer.body.toString(), 'bytes')
})
