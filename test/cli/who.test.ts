import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommandFailed } from '../../src/cli/errors.ts'
import { whoAsks } from '../../src/cli/who.ts'

const auth_url = 'http://keystone:5000'
const byDefault = { id: 'default' }

test('nothing given is nobody', () => assert.deepEqual(whoAsks({}), { kind: 'nobody' }))

test('a token that was given needs no Keystone', () => {
  const token = { kind: 'token', token: 't' }
  assert.deepEqual(whoAsks({ token: 't' }), token)
  assert.deepEqual(whoAsks({ token: 't', auth_url, username: 'u', password: 'p' }, 'keystone'), token)
  assert.deepEqual(whoAsks({ token: 't', auth_type: 'none' }), token)
})

test('a token that was given is enough, however else somebody signs in who is beyond us', () => {
  const given = { auth_type: 'v3oidcpassword', auth_url, token: 't', username: 'u', project_name: 'p' }
  assert.deepEqual(whoAsks(given), { kind: 'token', token: 't' })
})

test('noauth asks no Keystone, whatever else is given', () => {
  const fields = { auth_url, username: 'u', password: 'p' }
  assert.deepEqual(whoAsks(fields, 'noauth'), { kind: 'nobody' })
  assert.deepEqual(whoAsks({ ...fields, auth_type: 'none' }), { kind: 'nobody' })
})

test('names belong to a domain: its id, else its name, else the general one, else default', () => {
  const login = (more: object) => {
    const who = whoAsks({ auth_url, username: 'u', password: 'p', project_name: 'q', ...more })
    return who.kind === 'login' && who.login.method.kind === 'password'
      ? [who.login.method.user, who.login.project]
      : undefined
  }
  const both = (domain: object) => [
    { name: 'u', domain },
    { name: 'q', domain },
  ]
  assert.deepEqual(login({}), both(byDefault))
  assert.deepEqual(login({ domain_id: 'd' }), both({ id: 'd' }))
  assert.deepEqual(login({ user_domain_name: 'n', project_domain_name: 'n' }), both({ name: 'n' }))
  assert.deepEqual(
    login({ user_domain_name: 'n', user_domain_id: 'i', project_domain_id: 'i', domain_id: 'd' }),
    both({ id: 'i' }),
  )
  assert.deepEqual(login({ user_id: 'ui', project_id: 'pi' }), [{ id: 'ui' }, { id: 'pi' }])
})

test('an application credential by id, or by name and its user; it is told by its fields alone', () => {
  const credential = { auth_url, application_credential_secret: 's' }
  const methodOf = (more: object) => {
    const who = whoAsks({ ...credential, ...more })
    return who.kind === 'login' ? who.login.method : undefined
  }
  const kind = 'application-credential'
  assert.deepEqual(methodOf({ application_credential_id: 'i' }), { kind, id: 'i', secret: 's' })
  const named = { application_credential_name: 'n', username: 'u', auth_type: 'v3applicationcredential' }
  assert.deepEqual(methodOf(named), { kind, name: 'n', secret: 's', user: { name: 'u', domain: byDefault } })
})

test('a token of clouds.yaml is scoped anew to the project named beside it', () => {
  const who = whoAsks({ auth_type: 'v3token', auth_url, token: 't', project_id: 'p' })
  assert.deepEqual(who, {
    kind: 'login',
    login: { authUrl: auth_url, method: { kind: 'token', token: 't' }, project: { id: 'p' } },
  })
})

for (const [fields, strategy, message] of [
  [{}, 'keystone', /OS_AUTH_URL environment variable required/],
  [{ username: 'u', password: 'geheim' }, undefined, /OS_AUTH_URL environment variable required/],
  [{ auth_url }, undefined, /--os-username \(or OS_USERNAME, or username in clouds\.yaml\) is missing/],
  [{ auth_url, username: 'u' }, undefined, /--os-password \(or OS_PASSWORD,/],
  [{ auth_url, application_credential_id: 'i' }, undefined, /--os-application-credential-secret \(or OS_APPL/],
  [{ auth_url, auth_type: 'v3oidcpassword' }, undefined, /^Authentication type 'v3oidcpassword' is not supported/],
  [{ auth_url }, 'swift', /^Unknown auth strategy 'swift': keystone or noauth\.$/],
] as const) {
  test(`says what is missing: ${message}`, () => {
    assert.throws(
      () => whoAsks(fields, strategy),
      (error) => error instanceof CommandFailed && message.test(error.message) && !error.message.includes('geheim'),
    )
  })
}
