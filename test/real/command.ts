import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { promisify } from 'node:util'
import type { User } from './keystone.ts'
import { stack } from './stack.ts'

const execute = promisify(execFile)

/** Runs one of the real command-line clients and gives what it printed. Rejects with all it said when it fails. */
export type Client = (command: 'openstack' | 'glance', ...args: string[]) => Promise<string>

/** The clients find the image service in Keystone's catalogue, by the region alone: they know of no cache. */
export function clientsOf(user: User, region: string): Client {
  const env = {
    ...process.env,
    OS_AUTH_URL: stack.keystoneUrl,
    OS_IDENTITY_API_VERSION: '3',
    OS_REGION_NAME: region,
    OS_USERNAME: user,
    OS_PASSWORD: stack.password,
    OS_PROJECT_NAME: user,
    OS_USER_DOMAIN_ID: 'default',
    OS_PROJECT_DOMAIN_ID: 'default',
  }
  return async (command, ...args) => (await execute(command, args, { env, timeout: 60_000 })).stdout.trim()
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}
