import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type RunOptions, runManage } from '../support/manage-program.ts'
import { startKeystone } from '../support/scripted-keystone.ts'
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts'
import { selfSigned } from '../support/self-signed.ts'
import { tempDir } from '../support/temp-dir.ts'
import { json, unauthorized, whole } from '../support/upstream-words.ts'

const secret = 'pass"word\u00e9'

/** Answers in turn; gives the bodies that came. */
function answering(server: ScriptedUpstream, answers: readonly string[]): string[] {
  const bodies: string[] = []
  for (const answer of answers) {
    server.nextAnswer(
      () => true,
      async (request, wire) => {
        const pieces: Buffer[] = []
        await wire.readExactly(Number(request.header('content-length') ?? 0), (piece) => pieces.push(piece))
        bodies.push(Buffer.concat(pieces).toString('utf8'))
        await wire.write(answer)
        return 'close'
      },
    )
  }
  return bodies
}

const issued = (token: string) =>
  whole(201, '{"token": {"issued_at": "2030-01-01T00:00:00.000000Z", "expires_at": "2030-01-01T01:00:00.000000Z"}}', [
    ['X-Subject-Token', token],
  ])

const nothingQueued = json(200, { queued_images: [] })

/** Runs `list-queued` between a Keystone and an image API that give these answers. */
async function listQueued(
  t: TestContext,
  answers: Readonly<{ keystone?: readonly string[]; api: readonly string[] }>,
  options: (keystone: string) => RunOptions & Readonly<{ args?: readonly string[] }>,
) {
  const [keystone, api] = [await startUpstream(t), await startUpstream(t)]
  const bodies = answering(keystone, answers.keystone ?? [])
  answering(api, answers.api)
  const { args = [], ...run } = options(keystone.url)
  const ran = await runManage(['--url', api.url, '-d', ...args, 'list-queued'], run)
  const tokens = api.requests.map((request) => request.header('x-auth-token'))
  assert.doesNotMatch(ran.stdout + ran.stderr, /pass"word|TOKEN/, 'nothing secret is shown, with --debug either')
  return { ...ran, bodies: bodies.map((body) => JSON.parse(body)), tokens, keystone, api }
}

test('a password from the environment, names in domains', async (t) => {
  const env = (keystone: string) => ({
    env: {
      OS_AUTH_URL: `${keystone}/v3`,
      OS_USERNAME: 'operator',
      OS_PASSWORD: secret,
      OS_PROJECT_NAME: 'ops',
      OS_USER_DOMAIN_NAME: 'Default',
      OS_IDENTITY_API_VERSION: '3',
    },
  })
  const ran = await listQueued(t, { keystone: [issued('TOKEN-1')], api: [nothingQueued] }, env)
  assert.deepEqual([ran.code, ran.stdout, ran.tokens], [0, 'No queued images.\n', ['TOKEN-1']])
  assert.deepEqual(
    ran.keystone.requests.map(({ method, target }) => `${method} ${target}`),
    ['POST /v3/auth/tokens?nocatalog'],
  )
  const user = { name: 'operator', domain: { name: 'Default' }, password: secret }
  assert.deepEqual(ran.bodies, [
    {
      auth: {
        identity: { methods: ['password'], password: { user } },
        scope: { project: { name: 'ops', domain: { id: 'default' } } },
      },
    },
  ])
  assert.match(
    ran.stderr,
    /^POST http:\S+\/v3\/auth\/tokens -> 201\nGET http:\S+\/v2\/queued_images -> 200 \(\d+ ms\)\n$/,
  )
})

test('an application credential by its id', async (t) => {
  const env = (keystone: string) => ({
    env: {
      OS_AUTH_URL: `${keystone}/`,
      OS_AUTH_TYPE: 'v3applicationcredential',
      OS_APPLICATION_CREDENTIAL_ID: 'abc',
      OS_APPLICATION_CREDENTIAL_SECRET: secret,
      OS_PROJECT_NAME: 'not sent: the credential has its project',
    },
  })
  const ran = await listQueued(t, { keystone: [issued('TOKEN-1')], api: [nothingQueued] }, env)
  assert.deepEqual([ran.code, ran.tokens], [0, ['TOKEN-1']])
  const application_credential = { id: 'abc', secret }
  assert.deepEqual(ran.bodies, [
    { auth: { identity: { methods: ['application_credential'], application_credential } } },
  ])
})

test('a cloud of clouds.yaml replaces the environment; options win over both', async (t) => {
  const dir = await tempDir(t)
  const env = { OS_CLOUD: 'here', OS_USERNAME: 'somebody', OS_AUTH_TOKEN: 'TOKEN-ENV', OS_PROJECT_ID: 'elsewhere' }
  const [keystone, api] = [await startUpstream(t), await startUpstream(t)]
  const bodies = answering(keystone, [issued('TOKEN-1')])
  answering(api, [nothingQueued])
  await writeFile(
    join(dir, 'clouds.yaml'),
    `clouds:\n  here:\n    auth: {auth_url: '${keystone.url}', username: operator, project_id: p1}\n`,
  )
  await writeFile(join(dir, 'secure.yaml'), 'clouds:\n  here:\n    auth:\n      password: 0123\n')
  const args = ['--url', `${api.url}/v2/`, '--os-username', 'other', 'list-queued']
  const ran = await runManage(args, { cwd: dir, env })
  assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, 'No queued images.\n', ''])
  assert.equal(api.requests[0]?.header('x-auth-token'), 'TOKEN-1')
  const user = { name: 'other', domain: { id: 'default' }, password: '0123' }
  assert.deepEqual(JSON.parse(bodies[0] ?? ''), {
    auth: { identity: { methods: ['password'], password: { user } }, scope: { project: { id: 'p1' } } },
  })
})

test('a token that was given goes out as it is; noauth and nothing at all send none', async (t) => {
  const api = [nothingQueued]
  const given = await listQueued(t, { api }, (url) => ({ env: { OS_AUTH_URL: url, OS_TOKEN: 'TOKEN-9' } }))
  assert.deepEqual([given.code, given.tokens, given.keystone.requests], [0, ['TOKEN-9'], []])
  const named = { OS_USERNAME: 'a', OS_PASSWORD: secret }
  const noauth = await listQueued(t, { api }, (url) => ({
    env: { OS_AUTH_URL: url, ...named },
    args: ['-S', 'noauth'],
  }))
  assert.deepEqual([noauth.code, noauth.tokens, noauth.keystone.requests], [0, [undefined], []])
  const nobody = await listQueued(t, { api }, () => ({}))
  assert.deepEqual([nobody.code, nobody.tokens], [0, [undefined]])
})

const operator = (keystone: string) => ({
  env: { OS_AUTH_URL: keystone, OS_USERNAME: 'operator', OS_PASSWORD: secret, OS_PROJECT_NAME: 'ops' },
})

test('a token of our own that is refused is replaced once, no more', async (t) => {
  const keystone = [issued('TOKEN-1'), issued('TOKEN-2')]
  const well = await listQueued(t, { keystone, api: [unauthorized(), nothingQueued] }, operator)
  assert.deepEqual([well.code, well.stdout, well.tokens], [0, 'No queued images.\n', ['TOKEN-1', 'TOKEN-2']])
  const refused = await listQueued(t, { keystone, api: [unauthorized(), unauthorized()] }, operator)
  assert.deepEqual([refused.code, refused.tokens], [1, ['TOKEN-1', 'TOKEN-2']])
  assert.match(refused.stdout, /^Failed to show queued images\. Got error:\n401: the server wants a valid token\. /)
  const foreign = await listQueued(t, { api: [unauthorized()] }, () => ({ args: ['--os-auth-token', 'TOKEN-9'] }))
  assert.deepEqual([foreign.code, foreign.tokens], [1, ['TOKEN-9']])
})

test('Keystone refuses, is in trouble, or is not there: says so, asks no image API', async (t) => {
  for (const [answer, message] of [
    [
      json(401, { error: { message: 'no' } }),
      /Keystone http:\S+ refuses user operator \(domain default\) in project ops \(domain default\) \(401\)\.\n/,
    ],
    [
      json(500, { error: { message: 'database is down' } }),
      /gives no token for user operator .*: status 500: database is down\n/,
    ],
    [whole(404, ''), /404: check auth_url/],
  ] as const) {
    const ran = await listQueued(t, { keystone: [answer], api: [] }, operator)
    assert.deepEqual([ran.code, ran.api.requests], [1, []])
    assert.match(ran.stdout, /^Failed to show queued images\. Got error:\n/)
    assert.match(ran.stdout, message)
  }
  const gone = await listQueued(t, { api: [] }, () => operator('http://127.0.0.1:1/v3'))
  assert.equal(gone.code, 1)
  assert.match(gone.stdout, /Keystone http:\/\/127\.0\.0\.1:1: the connection is refused \(ECONNREFUSED\)\n$/)
})

test('https: with the authority in --os-cacert or OS_CACERT, or unchecked with --insecure', async (t) => {
  const { cafile, tls } = await selfSigned(t)
  const api = await startUpstream(t, { tls })
  const port = new URL(api.url).port
  const ask = (args: string[], env = {}) => {
    answering(api, [nothingQueued])
    return runManage(['--https', '-p', port, ...args, 'list-queued'], { env })
  }
  for (const [args, env] of [
    [['--os-cacert', cafile], {}],
    [[], { OS_CACERT: cafile }],
    [['-k'], {}],
  ] as const) {
    const { code, stdout } = await ask([...args], env)
    assert.deepEqual([code, stdout], [0, 'No queued images.\n'])
  }
  const refused = await ask([])
  assert.equal(refused.code, 1)
  assert.match(
    refused.stdout,
    /its certificate is not signed by a CA known here: name that CA in --os-cacert \(\w+\)\n$/,
  )
  assert.equal(api.requests.length, 3)
  // Keystone too, and a file that is no use.
  const password = { OS_AUTH_URL: api.url, OS_USERNAME: 'operator', OS_PASSWORD: secret }
  const keystone = await runManage(['list-queued'], { env: password })
  assert.match(keystone.stdout, /Keystone https:\S+: its certificate is not signed .*: name that CA in --os-cacert /)
  for (const env of [{}, password]) {
    const useless = await runManage(['-p', '1', '--os-cacert', '/nonexistent', 'list-queued'], { env })
    assert.equal(useless.code, 1)
    assert.match(
      useless.stdout,
      /error:\n--os-cacert of the .*: \/nonexistent is not a readable PEM file of certificates\n$/,
    )
  }
})

test('https to a server that speaks http: one line that says so', async (t) => {
  const { port } = new URL((await startKeystone(t)).url)
  const { code, stdout } = await runManage(['--https', '-p', port, 'list-queued'])
  assert.equal(code, 1)
  assert.match(stdout, /error:\nimage API https:\S+: it does not answer in TLS: is it plain http\? \(ERR_SSL_\w+\)\n$/)
})

test('a redirect is not followed: the token is for the server that was named', async (t) => {
  const elsewhere = whole(302, '', [['Location', 'https://elsewhere.example/v2/queued_images']])
  const ran = await listQueued(t, { api: [elsewhere] }, () => ({ args: ['--os-auth-token', 'TOKEN-9'] }))
  assert.equal(ran.code, 1)
  assert.match(
    ran.stdout,
    /The server redirects to https:\/\/elsewhere\.example\/v2\/queued_images: name it with --url\.\n$/,
  )
})
