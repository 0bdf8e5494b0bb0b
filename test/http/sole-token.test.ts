import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { soleTokenKey } from '../../src/http/sole-token.ts'

const token = ['X-Auth-Token', 'secret']

describe('rule 7: a yes may be reused only for one token that comes alone', () => {
  test('the same token is the same caller, whatever else the request says', () => {
    const key = soleTokenKey(token)
    assert(key !== undefined && !key.includes('secret'))
    assert.equal(soleTokenKey(['x-auth-token', 'secret', 'Accept', '*/*', 'Range', 'bytes=0-9']), key)
    assert.notEqual(soleTokenKey(['X-Auth-Token', 'other']), key)
  })

  test('no token, an empty one, and two are nobody in particular', () => {
    for (const fields of [[], ['Accept', '*/*'], ['X-Auth-Token', ''], [...token, ...token]]) {
      assert.equal(soleTokenKey(fields), undefined, fields.join())
    }
  })

  for (const field of [
    'Authorization',
    'Proxy-Authorization',
    'Cookie',
    'X-Storage-Token',
    'X-Service-Token',
    'X-Service-Roles',
    'X-Identity-Status',
    'X-User',
    'X-User-Id',
    'X-Project-Id',
    'X-Project-Domain-Name',
    'X-Tenant-Id',
    'X-Domain-Id',
    'X-Role',
    'X-Roles',
    'X-Trust-Id',
    'X-Is-Admin-Project',
  ]) {
    test(`with ${field} beside it there is no key, before or after the token`, () => {
      assert.equal(soleTokenKey([...token, field, 'x']), undefined)
      assert.equal(soleTokenKey([field.toLowerCase(), 'x', ...token]), undefined)
    })
  }
})
