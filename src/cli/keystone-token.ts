import { readIssuedToken } from '../identity/issued-token.ts'
import { tokenRequest } from '../identity/token-request.ts'
import { readShort } from '../origin/upstream/exchange-body.ts'
import { openUpstream } from '../origin/upstream/upstream.ts'
import { explanation } from './explanation.ts'
import type { Login, Named } from './who.ts'

/** How servers are reached: whom to trust, and who is told of every request (no header, no body). */
export type Reach = Readonly<{
  cafile: string | undefined
  insecure: boolean
  trace: (line: string) => void
}>

const answerMost = 4_194_304

/** Asks Keystone for a token (Identity API v3). Rejects with an Error that says why, never a secret. */
export async function keystoneToken(login: Login, { cafile, insecure, trace }: Reach): Promise<string> {
  await using keystone = openUpstream({
    what: 'Keystone',
    url: login.authUrl,
    cafile,
    cafileOption: '--os-cacert',
    insecure,
    connectTimeoutMs: 10_000,
    idleTimeoutMs: 60_000,
  })
  const target = `${keystone.prefix.replace(/\/v(3|2\.0)$/, '')}/v3/auth/tokens`
  const answer = await keystone.send(tokenRequest(target, authOf(login)))
  const text = (await readShort(answer, answerMost)).bytes.toString('utf8')
  trace(`POST ${keystone.where.replace(/^Keystone /, '')}${target} -> ${answer.status}`)
  if (answer.status === 401) throw new Error(`${keystone.where} refuses ${subject(login)} (401).`)
  try {
    return readIssuedToken({ status: answer.status, headers: answer.headers, body: text }).token
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : explanation(text)
    throw new Error(`${keystone.where} gives no token for ${subject(login)}: ${reason}`, { cause })
  }
}

function authOf({ method, project }: Login): object {
  const scope = project === undefined ? {} : { scope: { project } }
  if (method.kind === 'password') {
    const user = { ...method.user, password: method.password }
    return { identity: { methods: ['password'], password: { user } }, ...scope }
  }
  if (method.kind === 'token') return { identity: { methods: ['token'], token: { id: method.token } }, ...scope }
  const { kind: _kind, ...credential } = method
  return { identity: { methods: ['application_credential'], application_credential: credential } }
}

/** Who was refused, in words. */
function subject({ method, project }: Login): string {
  if (method.kind === 'application-credential') {
    return `application credential ${'id' in method ? method.id : method.name}`
  }
  const who = method.kind === 'token' ? 'the token' : `user ${inWords(method.user)}`
  return project === undefined ? who : `${who} in project ${inWords(project)}`
}

function inWords(named: Named): string {
  if ('id' in named) return named.id
  return `${named.name} (domain ${'id' in named.domain ? named.domain.id : named.domain.name})`
}
