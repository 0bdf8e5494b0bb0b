import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { env } = process
const on = (port: string | undefined, otherwise: number) => `http://127.0.0.1:${port ?? otherwise}`

/** The real Keystone and Glance of test/stack/up.sh, under the same names and defaults as its settings.sh. */
const dir = env.STACK ?? join(env.TMPDIR ?? tmpdir(), 'afterimage-stack')
export const stack = {
  dir,
  keystoneUrl: `${on(env.KEYSTONE_PORT, 15000)}/v3`,
  /** The same Keystone, but its tokens live only a few seconds. */
  briefKeystoneUrl: `${on(env.KEYSTONE_BRIEF_PORT, 15001)}/v3`,
  glanceUrl: on(env.GLANCE_PORT, 19292),
  logDir: join(dir, 'log'),
  password: 'secret',
} as const

/** Requests that Glance has answered with this status, as its own log has them: each line is written after the last byte. */
export async function answersInGlancesLog(requestLine: string, status: number): Promise<number> {
  const log = await readFile(join(stack.logDir, 'glance.log'), 'utf8')
  return log.split('\n').filter((line) => line.includes(`"${requestLine} HTTP/1.1" ${status} `)).length
}
