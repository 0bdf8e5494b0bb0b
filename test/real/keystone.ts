import { mustAsk, textAt } from './ask.ts'
import { stack } from './stack.ts'

/** `glance` stands for any service that shows a token of its own beside a user's: it has the role for that. */
export type User = 'admin' | 'alice' | 'bob' | 'glance'

/** A new token, scoped to the user's project. */
export async function tokenOf(user: User, keystoneUrl: string = stack.keystoneUrl): Promise<string> {
  const domain = { id: 'default' }
  const project = { name: user === 'glance' ? 'service' : user, domain }
  const identity = { methods: ['password'], password: { user: { name: user, domain, password: stack.password } } }
  const json = { auth: { identity, scope: { project } } }
  const { headers } = await mustAsk(`${keystoneUrl}/auth/tokens`, { method: 'POST', json })
  const token = headers['x-subject-token']
  if (typeof token === 'string') return token
  throw new Error(`${keystoneUrl} gave ${user} no token`)
}

export async function revoke(token: string): Promise<void> {
  const headers = { 'x-subject-token': token }
  await mustAsk(`${stack.keystoneUrl}/auth/tokens`, { method: 'DELETE', token, headers })
}

export async function projectIdOf(user: User): Promise<string> {
  const token = await tokenOf(user)
  const headers = { 'x-subject-token': token }
  return textAt(await mustAsk(`${stack.keystoneUrl}/auth/tokens`, { token, headers }), 'token', 'project', 'id')
}

/** A region of the service catalogue whose image service is at `url`: the way in which an operator deploys a cache. */
export async function createRegion(url: string): Promise<Readonly<{ id: string }> & AsyncDisposable> {
  const token = await tokenOf('admin')
  const post = (path: string, json: unknown) => mustAsk(`${stack.keystoneUrl}/${path}`, { method: 'POST', token, json })
  const remove = (path: string) => mustAsk(`${stack.keystoneUrl}/${path}`, { method: 'DELETE', token })
  const services = await mustAsk(`${stack.keystoneUrl}/services?type=image`, { token })
  const service = textAt(services, 'services', '0', 'id')
  const region = textAt(await post('regions', { region: { description: 'behind the cache' } }), 'region', 'id')
  const endpoint = { interface: 'public', region_id: region, service_id: service, url }
  const endpointId = textAt(await post('endpoints', { endpoint }), 'endpoint', 'id')
  return {
    id: region,
    async [Symbol.asyncDispose]() {
      await remove(`endpoints/${endpointId}`)
      await remove(`regions/${region}`)
    },
  }
}

/** A secret for programs, with the user's roles in his project; gone with the test. */
export async function createApplicationCredential(
  user: User,
): Promise<Readonly<{ id: string; name: string; secret: string }> & AsyncDisposable> {
  const token = await tokenOf(user)
  const about = await mustAsk(`${stack.keystoneUrl}/auth/tokens`, { token, headers: { 'x-subject-token': token } })
  const url = `${stack.keystoneUrl}/users/${textAt(about, 'token', 'user', 'id')}/application_credentials`
  const name = `cache-${crypto.randomUUID()}`
  const made = await mustAsk(url, { method: 'POST', token, json: { application_credential: { name } } })
  const id = textAt(made, 'application_credential', 'id')
  let isThere = true
  return {
    id,
    name,
    secret: textAt(made, 'application_credential', 'secret'),
    async [Symbol.asyncDispose]() {
      if (isThere) await mustAsk(`${url}/${id}`, { method: 'DELETE', token })
      isThere = false
    },
  }
}
