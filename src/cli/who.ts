import type { AuthFields } from './auth-fields.ts'
import { CommandFailed } from './errors.ts'

/** By id, or by name in a domain. */
export type Named =
  | Readonly<{ id: string }>
  | Readonly<{ name: string; domain: Readonly<{ id: string } | { name: string }> }>

/** How Keystone is asked for a token. */
export type Login = Readonly<{
  authUrl: string
  method:
    | Readonly<{ kind: 'password'; user: Named; password: string }>
    | Readonly<{ kind: 'token'; token: string }>
    | Readonly<{ kind: 'application-credential'; secret: string; id: string }>
    | Readonly<{ kind: 'application-credential'; secret: string; name: string; user: Named }>
  /** Undefined: the user's default project, or what the application credential belongs to. */
  project: Named | undefined
}>

/** In whose name the server is asked. */
export type Who =
  | Readonly<{ kind: 'nobody' }>
  | Readonly<{ kind: 'token'; token: string }>
  | Readonly<{ kind: 'login'; login: Login }>

type Method = 'password' | 'token' | 'application-credential' | 'none'

const methods: Readonly<Record<string, Method>> = {
  password: 'password',
  v3password: 'password',
  token: 'token',
  v3token: 'token',
  v3applicationcredential: 'application-credential',
  none: 'none',
  noauth: 'none',
}

/**
 * Reads off who asks. A token that was given is used as it is, without Keystone; nothing given at all is nobody, for
 * servers that ask for nobody's name. Throws a CommandFailed that names what is missing, never a value.
 */
export function whoAsks(fields: AuthFields, strategy?: string | undefined): Who {
  if (strategy !== undefined && !/^(keystone|noauth)$/.test(strategy)) {
    throw new CommandFailed(`Unknown auth strategy '${strategy}': keystone or noauth.`)
  }
  const method = strategy === 'noauth' ? 'none' : methodOf(fields)
  const { token, auth_url: authUrl } = fields
  if (method === 'none') return token === undefined ? { kind: 'nobody' } : { kind: 'token', token }
  const project = named(fields, 'project')
  if (token !== undefined && (method !== 'token' || authUrl === undefined || project === undefined)) {
    return { kind: 'token', token }
  }
  const saysNothing = [authUrl, fields.username, fields.user_id, fields.password].every((one) => one === undefined)
  if (method === undefined && strategy !== 'keystone' && saysNothing) return { kind: 'nobody' }
  if (authUrl === undefined) {
    throw new CommandFailed('--os_auth_url option or OS_AUTH_URL environment variable required: where Keystone is.')
  }
  if (method === 'token')
    return { kind: 'login', login: { authUrl, method: { kind: 'token', token: must(token, 'token') }, project } }
  if (method === 'application-credential') {
    return { kind: 'login', login: { authUrl, method: applicationCredential(fields), project: undefined } }
  }
  const user = must(named(fields, 'user'), 'username')
  const password = must(fields.password, 'password')
  return { kind: 'login', login: { authUrl, method: { kind: 'password', user, password }, project } }
}

function methodOf(fields: AuthFields): Method | undefined {
  const { auth_type: type } = fields
  if (type === undefined) {
    return (fields.application_credential_id ?? fields.application_credential_name)
      ? 'application-credential'
      : undefined
  }
  const method = methods[type.toLowerCase()]
  // With a token at hand Keystone need not be asked in that way.
  if (method === undefined && fields.token === undefined) {
    const known = Object.keys(methods).join(', ')
    throw new CommandFailed(`Authentication type '${type}' is not supported: one of ${known}.`)
  }
  return method
}

function applicationCredential(fields: AuthFields): Login['method'] {
  const kind = 'application-credential'
  const secret = must(fields.application_credential_secret, 'application_credential_secret')
  const { application_credential_id: id } = fields
  if (id !== undefined) return { kind, id, secret }
  const name = must(fields.application_credential_name, 'application_credential_id')
  return { kind, name, secret, user: must(named(fields, 'user'), 'username') }
}

/** The user or the project; a name without a domain is one of the default domain. */
function named(fields: AuthFields, what: 'user' | 'project'): Named | undefined {
  const id = fields[`${what}_id`]
  if (id !== undefined) return { id }
  const name = what === 'user' ? fields.username : fields.project_name
  if (name === undefined) return undefined
  const [domainId, domainName] = [fields[`${what}_domain_id`], fields[`${what}_domain_name`]]
  if (domainId === undefined && domainName !== undefined) return { name, domain: { name: domainName } }
  return { name, domain: { id: domainId ?? fields.domain_id ?? 'default' } }
}

function must<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value
  const option = `--os-${name.replaceAll('_', '-')}`
  const variable = `OS_${name.toUpperCase()}`
  throw new CommandFailed(`Keystone cannot be asked: ${option} (or ${variable}, or ${name} in clouds.yaml) is missing.`)
}
