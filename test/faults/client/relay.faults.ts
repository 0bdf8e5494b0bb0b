import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { deadline } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'
import { saw } from '../matrix/seen.ts'
import { ask, startScene } from './scene.ts'

type Field = readonly [name: string, value: string]

test('fields by which a client reaches for what is between us and the store', async (t) => {
  const scene = await startScene(t)
  const { tap, proxy } = scene
  const pseudonym = (await readFile(join(proxy.dir, '.afterimage', 'via'), 'utf8')).trim()
  const told = (step: string, fault: string, client: string) =>
    saw({ area: 'client', step, fault, driver: 'any', client, disk: 'nothing' })

  /** Its fields as the store got them, without those that every request of ours has. */
  async function relayed(request: string): Promise<{ fields: Field[]; body: string; all: readonly Field[] }> {
    const before = tap.requests.length
    const client = await scene.connect(t)
    client.write(request)
    assert.equal((await client.answer(request.split(' ')[0])).status, 200)
    client.socket.destroy()
    const got = tap.requests.slice(before)
    assert.equal(got.length, 1)
    const [first] = got
    assert(first !== undefined)
    const ours = /^(connection|x-forwarded-.*|x-openstack-request-id|host|via|content-length|transfer-encoding)$/
    return {
      all: first.fields,
      fields: first.fields.filter(([name]) => !ours.test(name)),
      body: first.body.toString('latin1'),
    }
  }

  for (const [fault, fields, body, kept] of [
    ['names Content-Length', 'Connection: content-length\r\nContent-Length: 3\r\n', 'abc', []],
    [
      'names Content-Length in two lines',
      'Connection: keep-alive\r\nConnection: , Content-Length ,\r\nContent-Length: 3\r\n',
      'abc',
      [],
    ],
    [
      'names Transfer-Encoding',
      'Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n',
      '3\r\nabc\r\n0\r\n\r\n',
      [],
    ],
    ['names Host', 'Connection: host\r\n', '', []],
    [
      'names Via and X-Forwarded-For',
      'Connection: via, x-forwarded-for\r\nVia: 1.1 other\r\nX-Forwarded-For: 192.0.2.1\r\n',
      '',
      [],
    ],
    [
      'names X-Auth-Token and Authorization',
      'Connection: X-Auth-Token,Authorization\r\nX-Auth-Token: t\r\nAuthorization: a\r\n',
      '',
      [],
    ],
    ['names X-OpenStack-Request-ID', 'Connection: x-openstack-request-id\r\nX-OpenStack-Request-ID: req-1\r\n', '', []],
    ['names Connection', 'Connection: connection, connection\r\n', '', []],
    ['names what is not there', 'Connection: x-none, x-also-none\r\nX-A: 1\r\n', '', [['x-a', '1']]],
    ['is commas', 'Connection: ,,, ,\t,\r\nX-A: 1\r\n', '', [['x-a', '1']]],
    ['holds what is no option', 'Connection: "x-a", x-a b\r\nX-A: 1\r\n', '', [['x-a', '1']]],
    [
      'names ten thousand options',
      `Connection: ${'x-a,'.repeat(10_000)}x-b\r\nX-A: 1\r\nX-B: 2\r\nX-C: 3\r\n`,
      '',
      [['x-c', '3']],
    ],
    [
      'is there, and Proxy-Connection too',
      'Proxy-Connection: x-a\r\nConnection: x-b\r\nX-A: 1\r\nX-B: 2\r\n',
      '',
      [['x-a', '1']],
    ],
    [
      'leaves TE, Trailer, Keep-Alive and Upgrade unnamed',
      'TE: trailers\r\nTrailer: x\r\nKeep-Alive: timeout=1\r\nProxy-Authorization: a\r\n',
      '',
      [],
    ],
  ] as const) {
    await t.test(`Connection ${fault}`, async () => {
      const got = await relayed(ask('POST /relayed', fields, body))
      assert.deepEqual(got.fields, kept)
      assert.equal(got.body, body === '' ? '' : 'abc')
      assert.deepEqual(
        got.all.filter(([name]) => name === 'host').map(([, value]) => value),
        ['h'],
      )
      assert.deepEqual(
        got.all.filter(([name]) => name === 'connection').map(([, value]) => value),
        ['keep-alive'],
      )
      told('RFC 9110 7.6.1: Connection', fault, 'its own answer')
    })
  }

  for (const [fault, via, isLoop] of [
    ['our name', `1.1 ${pseudonym}`, true],
    ['our name in other letters', `1.1 ${pseudonym.toUpperCase()}`, true],
    ['our name among a thousand', `${'1.1 other, '.repeat(1000)}1.0 ${pseudonym}, 1.1 last`, true],
    ['our name after comments that nest', `1.1 a (x (y, "\\)") z), HTTP/1.1 ${pseudonym} (us)`, true],
    ['our name in a second line', `1.1 other\r\nVia: 1.1 ${pseudonym}`, true],
    ['our name in a comment', `1.1 other (1.1 ${pseudonym}, x)`, false],
    ['our name as a version', `${pseudonym} other`, false],
    ['a name that begins like ours', `1.1 ${pseudonym}0`, false],
    ['a comment that does not end', `1.1 other (, 1.1 ${pseudonym}`, false],
    ['commas, blanks, parentheses', ` , ,)( ,(((,\t`, false],
  ] as const) {
    await t.test(`Via has ${fault}`, async () => {
      const before = tap.requests.length
      for (const target of ['GET /relayed', `GET ${scene.file()}`]) {
        const client = await scene.connect(t)
        client.write(ask(target, `Via: ${via}\r\n`))
        assert.equal((await client.answer()).status, isLoop ? 508 : 200)
        client.socket.destroy()
      }
      const last = tap.requests.at(-1)
      if (isLoop) assert.equal(tap.requests.length, before)
      else assert(last?.fields.some(([name, value]) => name === 'via' && value.endsWith(`, 1.1 ${pseudonym}`)))
      told('RFC 9110 7.6.3: Via', fault, isLoop ? '508' : 'its own answer')
    })
  }

  for (const [fault, request, method] of [
    ['TRACE', ask('TRACE /relayed', 'X-Auth-Token: t\r\n'), 'TRACE'],
    ['OPTIONS of a path that is ours', ask('OPTIONS /v2/cache'), 'OPTIONS'],
    ['HEAD with a body', ask('HEAD /relayed', 'Content-Length: 3\r\n', 'abc'), 'HEAD'],
    [
      'GET with a body in chunks',
      ask('GET /relayed', 'Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'),
      'GET',
    ],
    ['a method of WebDAV', ask('LOCK /relayed'), 'LOCK'],
  ] as const) {
    await t.test(fault, async () => {
      await relayed(request)
      assert.equal(tap.requests.at(-1)?.method, method)
      told('RFC 9110 9: methods', fault, 'its own answer')
    })
  }

  await t.test('the store has seen nothing that breaks the grammar', () => assert.deepEqual(tap.violations(), []))
})

test('a yes is not remembered of a caller whom the store saw otherwise', async (t) => {
  const { upstream, proxy, connect, file } = await startScene(t)
  const id = imageId(2)
  upstream.addImage({ id, bytes: patternBytes(500) })
  for (const [fault, fields] of [
    ['X-Service-Token spelt with underscores', 'X-Auth-Token: t\r\nX_Service_Token: s\r\n'],
    ['X-Auth-Token spelt with underscores', 'X_Auth_Token: t\r\n'],
    ['X-Auth-Token in both spellings', 'X-Auth-Token: t\r\nX_Auth-Token: s\r\n'],
    ['Connection names X-Auth-Token', 'Connection: keep-alive, X-Auth-Token\r\nX-Auth-Token: t\r\n'],
    ['Connection names X-Service-Token', 'Connection: x-service-token\r\nX-Auth-Token: t\r\n'],
  ] as const) {
    await t.test(fault, async (t) => {
      const asked = async () => {
        const before = upstream.fileRequests(id).length
        const client = await connect(t)
        client.write(ask(`GET ${file(id)}`, fields))
        const answer = await deadline(client.answer(), 'the answer')
        assert.deepEqual([answer.status, answer.body], [200, patternBytes(500)])
        return upstream.fileRequests(id).length - before
      }
      await asked()
      await proxy.committed(id)
      assert.equal(await asked(), 1, 'asked for each time')
      assert.equal(await asked(), 1, 'asked for each time')
      saw({
        area: 'client',
        step: 'who may read: a hit',
        fault,
        driver: 'any',
        client: 'the whole image, from the cache',
        disk: 'committed',
      })
    })
  }
})
