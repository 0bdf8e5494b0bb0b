import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openServiceCredentials } from '../../src/identity/service-credentials.ts'
import type { Caller } from '../../src/origin/origin.ts'
import { digestOf, pattern, patternBytes } from '../support/upstream-bytes.ts'
import { bodyOf, callerOf, glanceAt } from '../support/upstream-glance.ts'
import { serveRelay } from '../support/upstream-proxy.ts'

// A development stack with its usual users; the tests are skipped, and say why, where there is none.
const glanceUrl = process.env.AFTERIMAGE_TEST_GLANCE ?? 'http://127.0.0.1:9292'
const keystoneUrl = process.env.AFTERIMAGE_TEST_KEYSTONE ?? 'http://127.0.0.1:5000/v3'

async function missing(): Promise<string | false> {
  for (const url of [keystoneUrl, glanceUrl]) {
    try {
      await fetch(url, { signal: AbortSignal.timeout(2000) })
    } catch (error) {
      return `nothing answers at ${url}: ${String(error)}`
    }
  }
  return false
}

const skip = await missing()

async function tokenOf(t: TestContext, name: string): Promise<string> {
  const domains = { userDomainId: 'default', projectDomainId: 'default' }
  const user = { username: name, password: 'secret', projectName: name, ...domains }
  const credentials = openServiceCredentials({ authUrl: keystoneUrl, insecure: false, ...user })
  t.after(() => credentials[Symbol.asyncDispose]())
  return credentials.token()
}

test('a real Glance: uploaded, asked, described, downloaded, deactivated and deleted', { skip }, async (t) => {
  const [alice, bob, admin] = await Promise.all(['alice', 'bob', 'admin'].map((name) => tokenOf(t, name)))
  const glance = glanceAt(t, glanceUrl)
  const { port } = await serveRelay(t, (incoming, outgoing, options) => glance.relay(incoming, outgoing, options))
  const call = (
    method: string,
    path: string,
    more: Readonly<{ token?: string | undefined; type?: string; body?: Buffer | string }> = {},
  ) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { 'X-Auth-Token': more.token ?? alice ?? '', ...(more.type ? { 'Content-Type': more.type } : {}) },
      body: more.body === undefined ? null : typeof more.body === 'string' ? more.body : new Uint8Array(more.body),
    })

  const wanted = { name: 'afterimage origin test', disk_format: 'raw', container_format: 'bare' }
  const created = await call('POST', '/v2/images', { type: 'application/json', body: JSON.stringify(wanted) })
  assert.equal(created.status, 201)
  const id = (await created.text()).match(/"id": "([0-9a-f-]{36})"/)?.[1] ?? ''
  t.after(() => fetch(`${glanceUrl}/v2/images/${id}`, { method: 'DELETE', headers: { 'X-Auth-Token': alice ?? '' } }))
  assert.equal(created.headers.get('location'), `http://127.0.0.1:${port}/v2/images/${id}`, 'links lead to us')

  const as = (token: string | undefined): Caller => ({ ...callerOf(token ?? ''), host: undefined })
  const statusOf = async (token: string | undefined) => {
    const answer = await glance.ask(id, as(token))
    return answer.kind === 'refusal' ? answer.status : answer.kind
  }
  assert.equal(await statusOf(alice), 204, 'it has no data yet')

  const bytes = patternBytes(3_000_001)
  const upload = await call('PUT', `/v2/images/${id}/file`, { type: 'application/octet-stream', body: bytes })
  assert.equal(upload.status, 204)
  const md5 = digestOf(pattern(3_000_001), 'md5')
  assert.deepEqual(await glance.ask(id, as(alice)), { kind: 'granted', identity: { size: 3_000_001, md5 } })
  assert.deepEqual([await statusOf(bob), await statusOf('nonsense')], [404, 401])

  const described = await glance.describe(id, as(alice))
  assert.ok(described.kind === 'described')
  assert.match(described.record.updatedAt ?? '', /^20/)
  assert.deepEqual(
    { ...described.record, updatedAt: undefined },
    {
      id,
      status: 'active',
      size: 3_000_001,
      md5,
      hashAlgo: 'sha512',
      hashValue: digestOf(pattern(3_000_001), 'sha512'),
      updatedAt: undefined,
    },
  )

  const whole = await glance.download(id, as(alice))
  assert.ok(whole.kind === 'download' && whole.status === 200)
  assert.ok((await bodyOf(whole)).equals(bytes))
  const part = await glance.download(id, as(alice), { start: 1_000_000, end: undefined })
  assert.ok(part.kind === 'download' && part.status === 206)
  assert.deepEqual([part.offset, part.identity], [1_000_000, { size: 3_000_001, md5 }])
  assert.ok((await bodyOf(part)).equals(bytes.subarray(1_000_000)))
  const beyond = await glance.download(id, as(alice), { start: 3_000_001, end: undefined })
  assert.ok(beyond.kind === 'refusal' && beyond.status === 416)

  const relayed = await call('GET', `/v2/images/${id}/file`)
  assert.equal(relayed.headers.get('content-md5'), md5)
  assert.ok(Buffer.from(await relayed.arrayBuffer()).equals(bytes))

  assert.equal((await call('POST', `/v2/images/${id}/actions/deactivate`, { token: admin })).status, 204)
  assert.equal(await statusOf(alice), 403)
  assert.equal((await call('DELETE', `/v2/images/${id}`)).status, 204)
  assert.equal(await statusOf(alice), 404)
})
