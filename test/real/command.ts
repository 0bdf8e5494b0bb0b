import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { within } from './eventually.ts'
import type { User } from './keystone.ts'
import { stack } from './stack.ts'

const execute = promisify(execFile)

// A home of its own: the glance client keeps what it has learnt of a Glance there, and fails with that of another one.
const machine = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OS_'))),
  HOME: join(stack.dir, 'home'),
}

/** Runs one of the real command-line clients and gives what it printed. Rejects with all it said when it fails. */
export type Client = (command: 'openstack' | 'glance', ...args: string[]) => Promise<string>

/** The clients find the image service in Keystone's catalogue, by the region alone: they know of no cache. */
export function clientsOf(user: User, region: string): Client {
  const env = { ...machine, ...credentialsOf(user), OS_REGION_NAME: region }
  return async (command, ...args) => (await execute(command, args, { env, timeout: 60_000 })).stdout.trim()
}

/** What a person has in his environment to be known to Keystone. */
export function credentialsOf(user: User): Record<string, string> {
  return {
    OS_AUTH_URL: stack.keystoneUrl,
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: user,
    OS_PASSWORD: stack.password,
    OS_PROJECT_NAME: user,
    OS_USER_DOMAIN_ID: 'default',
    OS_PROJECT_DOMAIN_ID: 'default',
  }
}

export type Ended = Readonly<{ status: number | null; stdout: string; stderr: string }>

export type RunOptions = Readonly<{
  /** Beside PATH and the like; no credentials come from whoever runs the tests. */
  env?: Record<string, string>
  /** Standard input; nothing without it. */
  input?: string
  cwd?: string
  seconds?: number
}>

/** Runs a program to its end, however it ends. */
export async function runCommand(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { env, input = '', cwd, seconds = 60 } = options
  const child = spawn(command, args, { env: { ...machine, ...env }, cwd })
  // A program that reads nothing may be gone before its input.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const exit = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  try {
    const all = Promise.all([exit, text(child.stdout), text(child.stderr)])
    const [status, stdout, stderr] = await within(`the end of ${command} ${args.join(' ')}`, seconds, all)
    return { status, stdout, stderr }
  } finally {
    child.kill('SIGKILL')
  }
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}
