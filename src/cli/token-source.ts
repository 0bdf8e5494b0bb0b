import { keystoneToken, type Reach } from './keystone-token.ts'
import type { Who } from './who.ts'

/** The token that requests carry. */
export interface TokenSource {
  /** Undefined: none is sent. Asked of Keystone once, when it is first wanted. */
  token(): Promise<string | undefined>
  /** After a 401: a new one, or undefined when there is none to be had. */
  renew(): Promise<string | undefined>
}

export function openTokenSource(who: Who, reach: Reach): TokenSource {
  if (who.kind !== 'login') {
    const token = who.kind === 'token' ? who.token : undefined
    return { token: () => Promise.resolve(token), renew: () => Promise.resolve(undefined) }
  }
  let held: Promise<string> | undefined
  return {
    token() {
      held ??= keystoneToken(who.login, reach)
      return held
    },
    renew() {
      held = keystoneToken(who.login, reach)
      return held
    },
  }
}
