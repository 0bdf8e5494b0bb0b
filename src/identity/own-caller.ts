import type { Config } from '../config/config.ts'
import type { Caller } from '../origin/origin.ts'
import { openServiceCredentials, type ServiceCredentials } from './service-credentials.ts'

/**
 * The cache itself as a caller of the image store: with its own token where credentials are configured, without any
 * where the store needs none (a directory).
 */
export interface OwnCaller {
  /** undefined: it cannot ask on its own behalf. Rejects with a CredentialsError when Keystone gives no token. */
  caller(): Promise<Caller | undefined>
  /**
   * The store answered 401 to this caller: a token was revoked, or Keystone's keys have gone, before its time was over.
   * Who to ask with instead; undefined when that was not the cache itself, or there is nothing else. Rejects as above.
   */
  instead(of: Caller): Promise<Caller | undefined>
}

const anonymous: Caller = { headers: [], host: undefined, key: undefined, query: '' }

export function ownCaller({ origin, keystone }: Config): OwnCaller {
  if (origin.type === 'directory') return withoutToken(anonymous)
  const { authUrl, username, password, projectName } = keystone
  if (authUrl === undefined || username === undefined || password === undefined || projectName === undefined) {
    return withoutToken(undefined)
  }
  return withTokens(openServiceCredentials({ ...keystone, authUrl, username, password, projectName }))
}

const withoutToken = (caller: Caller | undefined): OwnCaller => ({
  caller: () => Promise.resolve(caller),
  instead: () => Promise.resolve(undefined),
})

export function withTokens(credentials: Pick<ServiceCredentials, 'token' | 'invalidate'>): OwnCaller {
  const tokens = new WeakMap<Caller, string>()
  async function caller(): Promise<Caller> {
    const token = await credentials.token()
    const own: Caller = { ...anonymous, headers: [['X-Auth-Token', token]] }
    tokens.set(own, token)
    return own
  }
  return {
    caller,
    async instead(of) {
      const refused = tokens.get(of)
      if (refused === undefined) return undefined
      credentials.invalidate(refused)
      const own = await caller()
      return tokens.get(own) === refused ? undefined : own
    },
  }
}
