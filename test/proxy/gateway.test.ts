import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { get } from '../support/client.ts'
import { deadline } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)
const bytes = patternBytes(200_000)

/** Sends bytes as they are and gives everything that comes back until the connection ends. */
async function raw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const pieces: Buffer[] = []
  socket.on('data', (piece) => pieces.push(piece))
  socket.write(text)
  await deadline(once(socket, 'close'), 'the connection ends')
  return Buffer.concat(pieces).toString('latin1')
}

for (const driver of drivers) {
  test(`a transparent gateway, ${driver}`, async (t) => {
    const upstream = await startUpstream(t)
    upstream.addImage({ id, bytes })
    const proxy = await startProxy(t, { upstream: upstream.url, driver })

    await t.test('what is not ours passes with method, target, fields and body', async () => {
      const body = patternBytes(1_000_000)
      const headers = { 'X-Auth-Token': 'secret', 'X-Custom': ['a', 'b'], Accept: 'text/x' }
      const got = await get(`${proxy.url}/v2/tasks?limit=5&x=%2f`, { method: 'POST', headers, body })
      const echo = JSON.parse(got.body.toString()) as {
        method: string
        target: string
        length: number
        headers: [string, string][]
      }
      assert.equal(echo.method, 'POST')
      assert.equal(echo.target, '/v2/tasks?limit=5&x=%2f')
      assert.equal(echo.length, body.length)
      const values = (name: string) =>
        echo.headers.filter(([field]) => field.toLowerCase() === name).map(([, value]) => value)
      assert.deepEqual(values('x-custom'), ['a', 'b'])
      assert.deepEqual(values('x-auth-token'), ['secret'])
      assert.deepEqual(values('host'), [new URL(proxy.url).host], 'links in answers point to us')
      assert.deepEqual(values('x-forwarded-for'), ['127.0.0.1'])
      assert.deepEqual(values('x-forwarded-proto'), ['http'])
      assert.match(String(values('via')), /^1\.1 afterimage-[0-9a-f]{12}$/)
      assert.match(String(values('x-openstack-request-id')), /^req-/)
    })

    await t.test('rule 16: the raw target is matched and forwarded, nothing is normalised', async () => {
      for (const target of [
        '/v2/images/%2e%2e/cache',
        '/v2/images/../cache',
        '/v2//images',
        '/v2/images/a%2fb/file',
        '/v2/images/%2e%2e/file',
        `/v2/x/%2e%2e/images/${id}/file`,
        '/x/../healthcheck',
      ]) {
        const answer = await raw(proxy.url, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
        assert.match(answer, /^HTTP\/1\.1 (200|404) /)
        assert(
          upstream.requests.some((request) => request.target === target),
          `${target} arrived as it was`,
        )
      }
    })

    await t.test('rule 16: HEAD goes to the upstream and starts no download', async () => {
      const before = upstream.downloads(id).length
      assert.equal((await get(proxy.image(id), { method: 'HEAD' })).status, 405)
      assert.equal(upstream.downloads(id).length, before)
    })

    await t.test(
      'rule 16: our 100 goes out when the upstream takes the body, and Expect is not forwarded',
      async () => {
        const answer = await raw(
          proxy.url,
          'PUT /v2/things HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nhello',
        )
        assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /)
        assert.equal(upstream.requests.at(-1)?.header('expect'), undefined)
      },
    )

    await t.test(
      'rule 17: a request that has been here before is a loop; other caches in the way are none',
      async () => {
        const pseudonym = (await readFile(join(proxy.dir, '.afterimage', 'via'), 'utf8')).trim()
        const loop = await get(proxy.image(id), { headers: { Via: `1.0 other, 1.1 ${pseudonym} (x)` } })
        assert.equal(loop.status, 508)
        const chained = await get(proxy.image(id), { headers: { Via: '1.1 afterimage-0123456789ab' } })
        assert.equal(chained.status, 200)
      },
    )

    await t.test('rule 17: downloads and questions ask for bytes as they are', async () => {
      await proxy.committed(id)
      await get(proxy.image(id), { headers: { 'Accept-Encoding': 'gzip', 'X-Auth-Token': 'another' } })
      for (const request of upstream.fileRequests(id)) assert.equal(request.header('accept-encoding'), 'identity')
    })

    await t.test('/healthcheck answers by itself', async () => {
      const before = upstream.requests.length
      assert.equal((await get(`${proxy.url}/healthcheck`)).body.toString(), 'OK')
      const old = await raw(proxy.url, 'GET /healthcheck HTTP/1.0\r\n\r\n')
      assert.match(old, /^HTTP\/1\.1 200 .*\r\n\r\nOK$/s, 'balancers ask so')
      const head = await get(`${proxy.url}/healthcheck`, { method: 'HEAD' })
      assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '2', 0])
      assert.equal(upstream.requests.length, before)
    })

    await t.test('a request whose Host names no host is refused, a download too, and asks nobody', async () => {
      const before = upstream.requests.length
      const { pathname } = new URL(proxy.image(id))
      for (const target of [pathname, '/v2/images']) {
        for (const host of ['a/b', 'user@a', 'a?b', 'a b', '', '[::1', 'a:b:c', 'a\\b']) {
          const answer = await raw(proxy.url, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
          assert.match(answer, /^HTTP\/1\.1 400 /, `${target} of ${host}`)
        }
        assert.match(await raw(proxy.url, `GET ${target} HTTP/1.0\r\n\r\n`), /^HTTP\/1\.1 400 /, 'without one')
      }
      const backslash = `GET /v2/images/a\\b/file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
      assert.match(await raw(proxy.url, backslash), /^HTTP\/1\.1 400 /)
      assert.equal(upstream.requests.length, before)
      for (const host of ['Glance', 'glance.example:80', '192.0.2.1:9292', '[::1]', '[2001:DB8::1]:9292']) {
        const answer = await raw(proxy.url, `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
        assert.match(answer, /^HTTP\/1\.1 200 /, host)
      }
    })

    await t.test('/metrics says how long the event loop was held up', async () => {
      const p99 = await proxy.metric('nodejs_eventloop_lag_p99_seconds')
      assert(p99 > 0 && p99 < 10, `${p99} s`)
    })

    await t.test('ids are checked before they touch the disk', async () => {
      await writeFile(join(proxy.dir, 'cache.db.secret'), 'not an image')
      const long = 'a'.repeat(10_000)
      for (const odd of [
        '..',
        '%2e%2e',
        '..%2fcache.db',
        'cache.db',
        'cache.db.secret',
        'incomplete',
        '.afterimage',
        `%00`,
        `${id}%00`,
        `${id}%2f..`,
        'ABCDEF00-0000-4000-8000-00000000000A',
        long,
      ]) {
        for (const target of [`/v2/images/${odd}/file`, `/images/${odd}`]) {
          const answer = await raw(proxy.url, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
          assert(!answer.includes('not an image') && !answer.includes('SQLite format'), target)
          assert(!answer.includes('afterimage; hit'), target)
        }
        const removed = await raw(
          proxy.url,
          `DELETE /v2/images/${odd} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
        )
        assert.match(removed, /^HTTP\/1\.1 (2|4)\d\d /, odd.slice(0, 20))
      }
      assert.equal((await stat(join(proxy.dir, 'cache.db.secret'))).size, 12)
    })

    await t.test('a token is in no file, no log line and no metric', async () => {
      await get(proxy.image(id), { headers: { 'X-Auth-Token': 'token-that-must-not-leak' } })
      for (const file of ['.afterimage/via', ...(driver === 'sqlite' ? ['cache.db', 'cache.db-wal'] : [])]) {
        assert(!(await readFile(join(proxy.dir, file), 'latin1')).includes('must-not-leak'), file)
      }
    })
  })
}
