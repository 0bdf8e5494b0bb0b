import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { cleanup } from './cleanup.ts'

export const ownToken = 'own-token'

/** Flags that give the cache credentials of its own: a Keystone that issues `ownToken`. It ends with the test. */
export async function ownCredentials(t: TestContext): Promise<string[]> {
  const server = createServer((incoming, outgoing) => {
    incoming.resume().on('end', () => {
      const expires_at = new Date(Date.now() + 3_600_000).toISOString()
      const token = { issued_at: new Date().toISOString(), expires_at }
      outgoing.writeHead(201, { 'Content-Type': 'application/json', 'X-Subject-Token': ownToken })
      outgoing.end(JSON.stringify({ token }))
    })
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // on TCP: never a string or null
  cleanup(t, async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeAllConnections()
    await closed
  })
  return [
    `--keystone-auth-url=http://127.0.0.1:${port}`,
    '--keystone-username=cache',
    '--keystone-password=secret',
    '--keystone-project-name=service',
    '--management-auth=none',
  ]
}
