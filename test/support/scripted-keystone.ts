import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { cleanup } from './cleanup.ts'

/** A Keystone of which only the validation of tokens is there, in the words of the real one. */
export interface ScriptedKeystone {
  readonly url: string
  /** The tokens that hold, each with its roles; undefined: unscoped, without any. */
  readonly tokens: Map<string, readonly string[] | undefined>
  /** `METHOD target` of what it was asked. */
  readonly requests: string[]
  /** The next questions are answered with this. */
  answer: Readonly<{ status: number; body: string }> | undefined
}

const refused = JSON.stringify({
  error: { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' },
})

/** Listens on a free loopback port and ends with the test. */
export async function startKeystone(
  t: TestContext,
  tokens: Readonly<Record<string, readonly string[] | undefined>> = {},
): Promise<ScriptedKeystone> {
  const known = new Map(Object.entries(tokens))
  const keystone: ScriptedKeystone & { url: string } = { url: '', tokens: known, requests: [], answer: undefined }
  const respond = (incoming: IncomingMessage) => {
    const { 'x-auth-token': token, 'x-subject-token': subject } = incoming.headers
    if (keystone.answer !== undefined) return keystone.answer
    if (incoming.method !== 'GET' || incoming.url !== '/v3/auth/tokens?nocatalog') return { status: 404, body: '' }
    if (typeof token !== 'string' || token !== subject || !known.has(token)) return { status: 401, body: refused }
    const roles = known.get(token)?.map((name, index) => ({ id: `role-${index}`, name }))
    const described = { methods: ['password'], user: { id: 'u', name: 'somebody' }, roles }
    return { status: 200, body: JSON.stringify({ token: described }) }
  }
  const server = createServer((incoming, outgoing) => {
    keystone.requests.push(`${incoming.method} ${incoming.url}`)
    const { status, body } = respond(incoming)
    outgoing.writeHead(status, { 'Content-Type': 'application/json' }).end(body)
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // on TCP: never a string or null
  keystone.url = `http://127.0.0.1:${port}`
  cleanup(t, async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeAllConnections()
    await closed
  })
  return keystone
}
