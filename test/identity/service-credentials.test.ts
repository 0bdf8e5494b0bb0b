import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  CredentialsError,
  openServiceCredentials,
  type ServiceCredentialsOptions,
} from '../../src/identity/service-credentials.ts'
import { deadline } from '../support/deadline.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { json, whole } from '../support/upstream-words.ts'

const ours = {
  username: 'cache-user',
  password: 'pass"word\u00e9',
  projectName: 'service',
  userDomainId: 'users',
  projectDomainId: 'projects',
  insecure: false,
} as const

/** What Keystone says to the n-th request: a token of this life. */
function issued(token: string, seconds: number): string {
  const expires_at = new Date(Date.UTC(2030, 0, 1, 0, 0, seconds)).toISOString().replace('Z', '000Z')
  return whole(201, JSON.stringify({ token: { issued_at: '2030-01-01T00:00:00.000000Z', expires_at } }), [
    ['Content-Type', 'application/json'],
    ['X-Subject-Token', token],
  ])
}

async function scriptedKeystone(t: TestContext, answers: string[], options: Partial<ServiceCredentialsOptions> = {}) {
  const up = await startUpstream(t)
  const bodies: string[] = []
  for (const answer of answers) {
    up.nextAnswer(
      () => true,
      async (request, wire) => {
        const chunks: Buffer[] = []
        await wire.readExactly(Number(request.header('content-length')), (piece) => chunks.push(piece))
        bodies.push(Buffer.concat(chunks).toString('utf8'))
        await wire.write(answer)
        return 'close'
      },
    )
  }
  const credentials = openServiceCredentials({ ...ours, authUrl: `${up.url}/v3`, ...options })
  t.after(() => credentials[Symbol.asyncDispose]())
  return { up, bodies, credentials }
}

test('asks by password for a token of its project, once for all who wait', async (t) => {
  const { up, bodies, credentials } = await scriptedKeystone(t, [issued('first', 3600)])
  const tokens = await Promise.all([credentials.token(), credentials.token(), credentials.token()])
  assert.deepEqual([...tokens, await credentials.token()], ['first', 'first', 'first', 'first'])
  assert.deepEqual(
    up.requests.map(({ method, target }) => `${method} ${target}`),
    ['POST /v3/auth/tokens?nocatalog'],
  )
  assert.deepEqual(JSON.parse(bodies[0] ?? ''), {
    auth: {
      identity: {
        methods: ['password'],
        password: { user: { name: 'cache-user', domain: { id: 'users' }, password: 'pass"word\u00e9' } },
      },
      scope: { project: { name: 'service', domain: { id: 'projects' } } },
    },
  })
})

for (const [path, target] of [
  ['', '/v3/auth/tokens?nocatalog'],
  ['/', '/v3/auth/tokens?nocatalog'],
  ['/v3/', '/v3/auth/tokens?nocatalog'],
  ['/identity', '/identity/v3/auth/tokens?nocatalog'],
  ['/identity/v3', '/identity/v3/auth/tokens?nocatalog'],
] as const) {
  test(`auth_url ending in ${JSON.stringify(path)}`, async (t) => {
    const { up } = await scriptedKeystone(t, [issued('a', 100)])
    const credentials = openServiceCredentials({ ...ours, authUrl: up.url + path })
    t.after(() => credentials[Symbol.asyncDispose]())
    assert.equal(await credentials.token(), 'a')
    assert.equal(up.requests[0]?.target, target)
  })
}

test('a token is replaced a minute before its end, a short one at half its life', async (t) => {
  let now = 5_000_000
  const answers = [issued('long', 3600), issued('short', 20), issued('third', 3600)]
  const { credentials } = await scriptedKeystone(t, answers, { now: () => now })
  assert.equal(await credentials.token(), 'long')
  now += 3_539_999
  assert.equal(await credentials.token(), 'long')
  now += 1
  assert.equal(await credentials.token(), 'short')
  now += 9999
  assert.equal(await credentials.token(), 'short')
  now += 1
  assert.equal(await credentials.token(), 'third')
})

test('a refused token is not given again; an older one that is refused late changes nothing', async (t) => {
  const { up, credentials } = await scriptedKeystone(t, [issued('first', 3600), issued('second', 3600)])
  const first = await credentials.token()
  credentials.invalidate(first)
  assert.equal(await credentials.token(), 'second')
  credentials.invalidate(first)
  assert.equal(await credentials.token(), 'second')
  assert.equal(up.requests.length, 2)
})

for (const [what, answer, message] of [
  [
    'wrong password',
    json(401, { error: { message: 'The request you have made requires authentication.' } }),
    /no token for user cache-user \(domain users\) in project service \(domain projects\): 401: check username, password and project_name$/,
  ],
  ['no Keystone', whole(404, 'nothing here'), /404: check auth_url/],
  ['trouble', json(500, { error: { message: 'database is down' } }), /status 500: database is down$/],
  ['trouble without words', whole(503, ''), /status 503$/],
  ['no token', whole(201, '{}'), /a 201 without X-Subject-Token$/],
  ['no dates', whole(201, '{"token": {}}', [['X-Subject-Token', 'x']]), /without issued_at and expires_at/],
  ['no JSON', whole(201, '<html>', [['X-Subject-Token', 'x']]), /without issued_at and expires_at/],
  ['an end before the beginning', issued('x', -5), /that follow each other$/],
] as const) {
  test(`${what}: an error that says so and tells no secret, and the next try is a new one`, async (t) => {
    const { up, credentials } = await scriptedKeystone(t, [answer, issued('well', 3600)])
    await assert.rejects(credentials.token(), (error) => {
      assert.ok(error instanceof CredentialsError)
      assert.match(error.message, message)
      assert.ok(error.message.startsWith(`Keystone ${up.url}: `), error.message)
      assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)}`, /pass"word/)
      return true
    })
    assert.equal(await credentials.token(), 'well')
  })
}

test('nobody there: an error that names the address', async (t) => {
  const credentials = openServiceCredentials({ ...ours, authUrl: 'http://127.0.0.1:1/v3' })
  t.after(() => credentials[Symbol.asyncDispose]())
  await assert.rejects(credentials.token(), (error) => {
    assert.ok(error instanceof CredentialsError)
    return error.message === 'Keystone http://127.0.0.1:1: the connection is refused (ECONNREFUSED)'
  })
})

test('who stops waiting does not spoil it for the others', async (t) => {
  const { up, credentials } = await scriptedKeystone(t, [])
  const go = Promise.withResolvers<void>()
  up.nextAnswer(
    () => true,
    async (request, wire) => {
      await request.body()
      await go.promise
      await wire.write(issued('late', 3600))
      return 'close'
    },
  )
  const impatient = new AbortController()
  const [one, two] = [credentials.token(impatient.signal), credentials.token()]
  await up.whenRequested(() => true)
  impatient.abort()
  await assert.rejects(one, CredentialsError)
  await assert.rejects(credentials.token(AbortSignal.abort()), CredentialsError)
  go.resolve()
  assert.equal(await deadline(two, 'the token'), 'late')
  assert.equal(up.requests.length, 1)
})
