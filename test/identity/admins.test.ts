import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type AdminsOptions, KeystoneFailed, openAdmins } from '../../src/identity/admins.ts'
import { cleanup } from '../support/cleanup.ts'
import { startKeystone } from '../support/scripted-keystone.ts'

function opened(t: TestContext, authUrl: string, options: Partial<AdminsOptions> = {}) {
  const admins = openAdmins({ authUrl, insecure: false, adminRoles: ['admin'], ...options })
  cleanup(t, () => admins[Symbol.asyncDispose]())
  return admins
}

test('the token validates itself, and its roles decide, whatever their case', async (t) => {
  const keystone = await startKeystone(t, {
    root: ['reader', 'ADMIN'],
    member: ['member', 'reader', 'administrator', 'admin '],
    operator: ['Image-Operator'],
    unscoped: undefined,
    none: [],
  })
  const admins = opened(t, keystone.url, { adminRoles: ['Admin', 'image-operator'] })
  const standings = await Promise.all(
    ['root', 'member', 'operator', 'unscoped', 'none', 'expired'].map(admins.standingOf),
  )
  assert.deepEqual(standings, ['admin', 'other', 'admin', 'other', 'other', 'unknown'])
})

test('is asked anew each time: a role taken away counts at once', async (t) => {
  const keystone = await startKeystone(t, { root: ['admin'] })
  const admins = opened(t, keystone.url)
  assert.equal(await admins.standingOf('root'), 'admin')
  keystone.tokens.set('root', ['member'])
  assert.equal(await admins.standingOf('root'), 'other')
  keystone.tokens.delete('root')
  assert.equal(await admins.standingOf('root'), 'unknown')
  assert.deepEqual(keystone.requests, Array(3).fill('GET /v3/auth/tokens?nocatalog'))
})

test('what cannot be a token is not sent anywhere', async (t) => {
  const keystone = await startKeystone(t, { '': ['admin'] })
  const admins = opened(t, keystone.url)
  for (const token of ['', 'two words', 'one, two', 'a\nb', 'schlüssel', 'x'.repeat(16_385)]) {
    assert.equal(await admins.standingOf(token), 'unknown', JSON.stringify(token.slice(0, 20)))
  }
  assert.deepEqual(keystone.requests, [])
})

for (const ending of ['', '/', '/v3', '/v3/']) {
  test(`auth_url ending in ${JSON.stringify(ending)}`, async (t) => {
    const keystone = await startKeystone(t, { root: ['admin'] })
    const admins = opened(t, keystone.url + ending)
    assert.equal(await admins.standingOf('root'), 'admin')
    assert.equal(admins.challenge, `Keystone uri="${keystone.url}"`)
  })
}

test('what Keystone cannot say is an error, never a role', async (t) => {
  const keystone = await startKeystone(t, { 's3cret-token': ['admin'] })
  const admins = opened(t, keystone.url)
  for (const [status, body, message] of [
    [500, '{}', /validating a token: status 500$/],
    [403, '{"error":{}}', /status 403$/],
    [300, '{"versions":[]}', /status 300$/],
    // Keystone's own 404 about a path that it does not have, and one of somebody else.
    [
      404,
      '<!doctype html>\n<title>404 Not Found</title>',
      /status 404: check auth_url, it leads to no Identity API v3$/,
    ],
    [404, '{"detail":"Not Found"}', /status 404: check auth_url/],
    [200, '<html>', /a 200 that describes no token$/],
    [200, '{"token":"admin"}', /describes no token$/],
    [200, `{"token":{"roles":[{"name":"admin"}],"x":"${'y'.repeat(4_194_304)}"}}`, /describes no token$/],
  ] as const) {
    keystone.answer = { status, body }
    await assert.rejects(admins.standingOf('s3cret-token'), (error) => {
      assert.ok(error instanceof KeystoneFailed)
      assert.match(error.message, message)
      assert.doesNotMatch(`${error.stack}${JSON.stringify(error)}`, /s3cret/)
      return true
    })
  }
  // A token that may not be used here (an application credential's access rules).
  keystone.answer = { status: 404, body: '{"error":{"code":404,"message":"Failed to validate token"}}' }
  assert.equal(await admins.standingOf('s3cret-token'), 'unknown')
  keystone.answer = { status: 200, body: '{"token":{"roles":["admin",{"name":7},null]}}' }
  assert.equal(await admins.standingOf('s3cret-token'), 'other')
})

test('nobody there: an error that names the address', async (t) => {
  const admins = opened(t, 'http://127.0.0.1:1/v3')
  await assert.rejects(admins.standingOf('token'), (error) => {
    assert.ok(error instanceof KeystoneFailed)
    return error.message === 'Keystone http://127.0.0.1:1: the connection is refused (ECONNREFUSED)'
  })
})
