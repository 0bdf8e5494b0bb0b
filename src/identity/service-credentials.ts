import { OriginError } from '../origin/origin.ts'
import { readShort } from '../origin/upstream/exchange-body.ts'
import { openUpstream } from '../origin/upstream/upstream.ts'
import { type IssuedToken, readIssuedToken } from './issued-token.ts'
import { passwordRequest } from './password-request.ts'

/** The cache's own user in Keystone. `authUrl` with or without its /v3. Times are milliseconds. */
export type ServiceCredentialsOptions = Readonly<{
  authUrl: string
  username: string
  password: string
  projectName: string
  userDomainId: string
  projectDomainId: string
  cafile?: string | undefined
  insecure: boolean
  connectTimeoutMs?: number
  idleTimeoutMs?: number
  /** The clock, Unix ms; only its running matters, not what time it shows. */
  now?: () => number
}>

export interface ServiceCredentials extends AsyncDisposable {
  /**
   * A token of the cache's own user that holds for a while yet: the one at hand, or a new one, which is asked for once
   * however many want it. Rejects with a CredentialsError; a signal ends only its own caller's wait.
   */
  token(signal?: AbortSignal): Promise<string>
  /** This token was refused somewhere: it is not given again. Harmless when it has been replaced meanwhile. */
  invalidate(token: string): void
}

/** Keystone gave no token: says why and what to look at, never the password. */
export class CredentialsError extends Error {
  readonly code = 'CREDENTIALS_FAILED'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CredentialsError'
  }
}

const answerMost = 4_194_304
/** A token is given up so long before its end, so that a request made with it is still answered; at most half its life. */
const marginMs = 60_000

/** Opens no connection yet. Throws when the url or the CA file is no use. */
export function openServiceCredentials(options: ServiceCredentialsOptions): ServiceCredentials {
  const keystone = openUpstream({
    what: 'Keystone',
    url: options.authUrl,
    cafile: options.cafile,
    insecure: options.insecure,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
  })
  const target = `${keystone.prefix.replace(/\/v3$/, '')}/v3/auth/tokens`
  const now = options.now ?? Date.now
  let held: Readonly<{ token: string; until: number }> | undefined
  let asking: Promise<string> | undefined

  async function request(): Promise<IssuedToken> {
    try {
      const answer = await keystone.send(passwordRequest(target, options))
      const { bytes } = await readShort(answer, answerMost)
      return readIssuedToken({ status: answer.status, headers: answer.headers, body: bytes.toString('utf8') })
    } catch (error) {
      if (error instanceof OriginError) throw new CredentialsError(error.message, { cause: error })
      const reason = error instanceof Error ? error.message : String(error)
      throw new CredentialsError(`${keystone.where}: no token for ${nameOf(options)}: ${reason}`, { cause: error })
    }
  }

  async function ask(): Promise<string> {
    try {
      const { token, lifetimeMs } = await request()
      // Its end is reckoned from now by its lifetime: the two clocks need not agree.
      held = { token, until: now() + lifetimeMs - Math.min(marginMs, lifetimeMs / 2) }
      return token
    } finally {
      asking = undefined
    }
  }

  return {
    token(signal) {
      if (held !== undefined && now() < held.until) return Promise.resolve(held.token)
      asking ??= ask()
      return signal === undefined ? asking : unlessAborted(asking, signal)
    },
    invalidate(token) {
      if (held?.token === token) held = undefined
    },
    [Symbol.asyncDispose]: () => keystone[Symbol.asyncDispose](),
  }
}

function nameOf({ username, userDomainId, projectName, projectDomainId }: ServiceCredentialsOptions): string {
  return `user ${username} (domain ${userDomainId}) in project ${projectName} (domain ${projectDomainId})`
}

function unlessAborted(token: Promise<string>, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new CredentialsError('the token is not waited for any more', { cause: signal.reason }))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    token.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
