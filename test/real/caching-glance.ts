import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask } from './ask.ts'
import { eventually } from './eventually.ts'
import { driver, end, freePort } from './proxy.ts'
import { stack } from './stack.ts'

/** A real Glance with a cache of its own and `cachemanage`, on the images and users of the stack. */
export interface CachingGlance extends AsyncDisposable {
  readonly url: string
  /** image_cache_dir */
  readonly cacheDir: string
  readonly stop: () => Promise<void>
}

export type CachingGlanceOptions = Readonly<{ cacheDir?: string }>

/** Its driver is the one under test. A cache directory that is given stays. */
export async function startCachingGlance(options: CachingGlanceOptions = {}): Promise<CachingGlance> {
  const home = await mkdtemp(join(tmpdir(), 'afterimage-glance-'))
  const cacheDir = options.cacheDir ?? join(home, 'cache')
  await mkdir(cacheDir, { recursive: true })
  const port = await freePort()
  const configFile = join(home, 'glance.conf')
  await writeFile(
    configFile,
    `[DEFAULT]
bind_port = ${port}
# One process, which ends at once when it is told to.
workers = 0
log_file = ${stack.logDir}/glance-with-${driver}.log
image_cache_dir = ${cacheDir}
image_cache_driver = ${driver}
[oslo_concurrency]
lock_path = ${home}
`,
  )
  const log = createWriteStream(join(stack.logDir, `glance-with-${driver}.out`), { flags: 'a' })
  const files = [join(stack.dir, 'glance/glance-cached.conf'), configFile]
  const args = files.flatMap((file) => ['--config-file', file])
  const child = spawn('glance-api', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  const url = `http://127.0.0.1:${port}`
  const stop = () => end(child, 'SIGTERM')
  await eventually(`the Glance with a cache at ${url} (its output: ${log.path})`, 60, async () => {
    if (child.exitCode !== null) throw new Error(`glance-api ended with ${child.exitCode}: look into ${log.path}`)
    return (await ask(`${url}/`).catch(() => undefined))?.status === 300
  })
  return {
    url,
    cacheDir,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      log.end()
      await rm(home, { recursive: true })
    },
  }
}
