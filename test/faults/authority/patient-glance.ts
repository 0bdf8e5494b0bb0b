import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask } from '../../real/ask.ts'
import { eventually } from '../../real/eventually.ts'
import { end, freePort } from '../../real/proxy.ts'
import { stack } from '../../real/stack.ts'

/**
 * One more real Glance on the same images and users. It believes for five minutes what Keystone has told it of a token,
 * as Glance does by default, so that thousands of questions take a minute; and what is deleted through it keeps its data
 * (`pending_delete`).
 */
export async function startPatientGlance(): Promise<Readonly<{ url: string }> & AsyncDisposable> {
  const home = await mkdtemp(join(tmpdir(), 'afterimage-glance-'))
  const port = await freePort()
  const configFile = join(home, 'glance.conf')
  await writeFile(
    configFile,
    `[DEFAULT]
bind_port = ${port}
workers = 0
log_file = ${join(home, 'glance.log')}
delayed_delete = True
[keystone_authtoken]
token_cache_time = 300
[oslo_concurrency]
lock_path = ${home}
`,
  )
  const log = createWriteStream(join(home, 'glance.out'))
  const files = [join(stack.dir, 'glance/glance.conf'), configFile]
  const args = files.flatMap((file) => ['--config-file', file])
  const child = spawn('glance-api', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  const url = `http://127.0.0.1:${port}`
  await eventually(`the Glance at ${url}`, 60, async () => {
    if (child.exitCode !== null) throw new Error(`glance-api ended with ${child.exitCode}`)
    return (await ask(`${url}/`).catch(() => undefined))?.status === 300
  })
  return {
    url,
    async [Symbol.asyncDispose]() {
      await end(child, 'SIGTERM')
      log.end()
      await rm(home, { recursive: true })
    },
  }
}
