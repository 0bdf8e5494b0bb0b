import { OriginError } from '../origin/origin.ts'
import type { Answer } from '../origin/upstream/exchange.ts'
import { readShort } from '../origin/upstream/exchange-body.ts'
import { openUpstream } from '../origin/upstream/upstream.ts'
import { member, parsedJson } from './json-member.ts'

/** `unknown`: Keystone knows no such token, or none that still holds. */
export type Standing = 'admin' | 'other' | 'unknown'

/** Tells by the word of Keystone who is an admin. */
export interface Admins extends AsyncDisposable {
  /** Value of WWW-Authenticate that says where a token can be had. */
  readonly challenge: string
  /** Asks every time: managing is rare, and a role that was taken away counts at once. Rejects with a KeystoneFailed. */
  standingOf(token: string): Promise<Standing>
}

/** Keystone did not say who somebody is; the message never has the token. */
export class KeystoneFailed extends Error {
  readonly code = 'KEYSTONE_FAILED'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'KeystoneFailed'
  }
}

/** `authUrl` with or without its /v3. Times are milliseconds. */
export type AdminsOptions = Readonly<{
  authUrl: string
  cafile?: string | undefined
  insecure: boolean
  /** Names of roles of which one is enough; compared without regard to case, as oslo.policy does. */
  adminRoles: readonly string[]
  connectTimeoutMs?: number
  idleTimeoutMs?: number
}>

const answerMost = 4_194_304
/** What Keystone gives out is shorter, and has these characters only; anything else is no token and no field value. */
const tokenForm = /^[\x21-\x7e]{1,16384}$/

/** Opens no connection yet. Throws when the url or the CA file is no use. */
export function openAdmins(options: AdminsOptions): Admins {
  const keystone = openUpstream({
    what: 'Keystone',
    url: options.authUrl,
    cafile: options.cafile,
    insecure: options.insecure,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
  })
  // The catalogue may be megabytes in a large cloud, and nobody here reads it.
  const target = `${keystone.prefix.replace(/\/v3$/, '')}/v3/auth/tokens?nocatalog`
  const wanted = new Set(options.adminRoles.map((role) => role.toLowerCase()))
  const isAdmin = (roles: readonly string[]) => roles.some((role) => wanted.has(role.toLowerCase()))

  return {
    challenge: `Keystone uri="${options.authUrl.replace(/\/+$/, '').replace(/\/v3$/, '')}"`,

    async standingOf(token) {
      if (!tokenForm.test(token)) return 'unknown'
      try {
        // A token may always validate itself: no credentials of our own are needed.
        const answer = await keystone.send({
          method: 'GET',
          target,
          headers: [
            ['X-Auth-Token', token],
            ['X-Subject-Token', token],
            ['Accept', 'application/json'],
            ['Accept-Encoding', 'identity'],
          ],
        })
        const roles = await rolesIn(answer, keystone.where)
        if (roles === undefined) return 'unknown'
        return isAdmin(roles) ? 'admin' : 'other'
      } catch (error) {
        if (error instanceof OriginError) throw new KeystoneFailed(error.message, { cause: error })
        throw error
      }
    },

    [Symbol.asyncDispose]: () => keystone[Symbol.asyncDispose](),
  }
}

/** Names of the token's roles, none for an unscoped one; undefined when the token is not accepted. */
async function rolesIn(answer: Answer, where: string): Promise<string[] | undefined> {
  const { bytes, whole } = await readShort(answer, answerMost)
  const failed = (what: string) => new KeystoneFailed(`${where}: validating a token: ${what}`)
  const body = whole ? parsedJson(bytes.toString('utf8')) : undefined
  if (answer.status === 401) return undefined
  if (answer.status === 404) {
    // About the token it says so in its own form; any other 404 is about the path, and would refuse everybody for ever.
    if (member(body, 'error') !== undefined) return undefined
    throw failed('status 404: check auth_url, it leads to no Identity API v3')
  }
  if (answer.status !== 200) throw failed(`status ${answer.status}`)
  const token = member(body, 'token')
  if (typeof token !== 'object' || token === null) throw failed('a 200 that describes no token')
  const roles = member(token, 'roles')
  if (!Array.isArray(roles)) return []
  return roles.map((role) => member(role, 'name')).filter((name) => typeof name === 'string')
}
