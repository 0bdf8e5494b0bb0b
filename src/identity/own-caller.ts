import type { Config } from '../config/config.ts'
import type { Caller } from '../origin/origin.ts'
import { openServiceCredentials } from './service-credentials.ts'

/**
 * The cache itself as a caller of the image store: with its own token where credentials are configured, without any
 * where the store needs none (a directory). undefined: it cannot ask on its own behalf.
 */
export function ownCaller({ origin, keystone }: Config): () => Promise<Caller | undefined> {
  const anonymous: Caller = { headers: [], host: undefined, key: undefined, query: '' }
  if (origin.type === 'directory') return () => Promise.resolve(anonymous)
  const { authUrl, username, password, projectName } = keystone
  if (authUrl === undefined || username === undefined || password === undefined || projectName === undefined) {
    return () => Promise.resolve(undefined)
  }
  const credentials = openServiceCredentials({ ...keystone, authUrl, username, password, projectName })
  return async () => ({ ...anonymous, headers: [['X-Auth-Token', await credentials.token()]] })
}
