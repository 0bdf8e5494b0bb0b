import { hash, randomBytes } from 'node:crypto'

/**
 * Tokens are kept as keyed hashes only, and the key ends with the process. Nobody sees the hashes, so the key may simply
 * come first; an HMAC takes four times as long, for every request.
 */
const key = randomBytes(32).toString('base64')

/**
 * Fields that may change what the upstream grants, beside the token itself. On a real Glance an expired token beside a
 * service token is accepted that alone would not be: a "yes" to both says nothing about either.
 */
const otherCredentials =
  /^(authorization|proxy-authorization|cookie|x-storage-token|x-service-.*|x-identity-.*|x-user.*|x-project.*|x-tenant.*|x-domain.*|x-roles?|x-trust.*|x-is-admin.*)$/

/** Connection options that name no field which the upstream would then not see. */
const harmlessOptions = /^(?:[ \t,]|keep-alive|close|te|upgrade|http2-settings)*$/i

/**
 * A hash that stands for the caller when one X-Auth-Token is its sole credential, so that a "yes" may be reused for it;
 * undefined for everybody else, who is asked for every time.
 */
export function soleTokenKey(rawHeaders: readonly string[]): string | undefined {
  let token: string | undefined
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const written = rawHeaders[at]?.toLowerCase() ?? ''
    // To a store behind WSGI both spellings may be the same field, or the second one none.
    const name = written.replaceAll('_', '-')
    if (name === 'x-auth-token') {
      if (token !== undefined || name !== written) return undefined
      token = rawHeaders[at + 1]
    } else if (otherCredentials.test(name)) return undefined
    // What it names stays here: the upstream would speak of another caller.
    else if (name === 'connection' && !harmlessOptions.test(rawHeaders[at + 1] ?? '')) return undefined
  }
  return token === undefined || token === '' ? undefined : hash('sha256', key + token, 'base64url')
}
