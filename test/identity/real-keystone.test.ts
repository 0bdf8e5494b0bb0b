import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { CredentialsError, openServiceCredentials } from '../../src/identity/service-credentials.ts'

// A development stack with its usual user; the tests are skipped, and say why, where there is none.
const authUrl = process.env.AFTERIMAGE_TEST_KEYSTONE ?? 'http://127.0.0.1:5000/v3'
const alice = {
  authUrl,
  username: 'alice',
  password: 'secret',
  projectName: 'alice',
  userDomainId: 'default',
  projectDomainId: 'default',
  insecure: false,
} as const

async function missing(): Promise<string | false> {
  try {
    const answer = await fetch(authUrl, { signal: AbortSignal.timeout(2000) })
    return answer.ok ? false : `Keystone at ${authUrl} answers ${answer.status}`
  } catch (error) {
    return `no Keystone at ${authUrl}: ${String(error)}`
  }
}

const skip = await missing()

function credentialsOf(
  t: TestContext,
  changes: Partial<typeof alice> | { password: string } | { projectName: string },
) {
  const credentials = openServiceCredentials({ ...alice, ...changes })
  t.after(() => credentials[Symbol.asyncDispose]())
  return credentials
}

test('a real Keystone gives a token that it then knows', { skip }, async (t) => {
  const credentials = credentialsOf(t, {})
  const token = await credentials.token()
  const headers = { 'X-Auth-Token': token, 'X-Subject-Token': token }
  const known = await fetch(`${authUrl}/auth/tokens`, { headers })
  assert.equal(known.status, 200)
  assert.match(await known.text(), /"name": "alice"/)
  assert.equal(await credentials.token(), token)
})

test('a real Keystone refuses a wrong password and an unknown project', { skip }, async (t) => {
  for (const changes of [{ password: 'wrong' }, { projectName: 'nowhere' }]) {
    await assert.rejects(credentialsOf(t, changes).token(), (error) => {
      assert.ok(error instanceof CredentialsError)
      return /401: check username, password and project_name$/.test(error.message)
    })
  }
})
