import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask } from './ask.ts'
import { eventually, within } from './eventually.ts'
import { stack } from './stack.ts'

/** Each suite is run once for each. */
export const driver = process.env.AFTERIMAGE_DRIVER ?? 'sqlite'

const checkout = join(import.meta.dirname, '../..')

export type ProxyOptions = Readonly<{
  /** Where the image store is: Glance, or a relay in front of it. */
  originUrl?: string
  /** authorization.ttl in seconds. */
  ttl?: number
  /** image_cache_dir: one that is there already and stays; otherwise an empty one of its own, which goes. */
  cacheDir?: string
  /** bind_host: an address that only this machine has. */
  host?: string
  /** Who may manage; `keystone` is the default where Keystone is known. */
  auth?: 'keystone' | 'none' | 'disabled'
  /** More options, as flags. */
  flags?: readonly string[]
}>

/** The program under test, in front of the real Glance, with an empty cache of its own. */
export interface RunningProxy extends AsyncDisposable {
  readonly url: string
  /** image_cache_dir */
  readonly cacheDir: string
  /** Its configuration, flags left out: the other programs take it too. */
  readonly configFile: string
  readonly pid: number
  /** kill -9 */
  kill(): Promise<void>
  /** In an orderly manner. */
  stop(): Promise<void>
  /** Again, with the same configuration and cache; other flags, if they are given. */
  start(flags?: readonly string[]): Promise<void>
}

let count = 0

export async function startProxy(options: ProxyOptions = {}): Promise<RunningProxy> {
  const { originUrl = stack.glanceUrl, ttl = 0, host = '127.0.0.1', auth = 'keystone' } = options
  const home = await mkdtemp(join(tmpdir(), 'afterimage-real-'))
  const cacheDir = options.cacheDir ?? join(home, 'cache')
  await mkdir(cacheDir, { recursive: true })
  const port = await freePort()
  const configFile = join(home, 'afterimage.conf')
  await writeFile(configFile, configuration({ originUrl, ttl, cacheDir, host, port, auth }))
  // Beside the logs of Keystone and Glance, and kept as they are.
  count += 1
  const log = createWriteStream(join(stack.logDir, `afterimage-${driver}-${process.pid}-${count}.log`))
  const url = `http://${host}:${port}`
  const begin = (flags: readonly string[] = []) => run(['--config-file', configFile, ...flags], url, log)
  let running = await begin(options.flags)
  return {
    url,
    cacheDir,
    configFile,
    get pid() {
      return running.pid ?? Number.NaN
    },
    kill: () => end(running, 'SIGKILL'),
    stop: () => end(running, 'SIGTERM'),
    async start(flags = options.flags) {
      running = await begin(flags)
    },
    async [Symbol.asyncDispose]() {
      await end(running, 'SIGTERM')
      log.end()
      await rm(home, { recursive: true })
    },
  }
}

/** Runs src/api.ts until it answers at `url`. */
export async function run(
  args: readonly string[],
  url: string,
  log: WriteStream,
  env: NodeJS.ProcessEnv = {},
): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['src/api.ts', ...args], {
    cwd: checkout,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout?.pipe(log, { end: false })
  child.stderr?.pipe(log, { end: false })
  try {
    await eventually(`the proxy at ${url} (its log: ${log.path})`, 60, async () => {
      if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${await readFile(log.path, 'utf8')}`)
      // Refused until it listens.
      return (await ask(`${url}/healthcheck`).catch(() => undefined))?.status === 200
    })
  } catch (error) {
    await end(child, 'SIGKILL')
    throw error
  }
  return child
}

export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await within(`the end of the proxy after ${signal}`, 30, exit)
}

/**
 * A port that was free a moment ago, and that no outgoing connection of anybody takes: below those that the kernel
 * gives away by itself.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(20_000, 32_000)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    server.close()
    if (isFree) return port
  }
  throw new Error('no free port on 127.0.0.1')
}

type Settings = Readonly<{
  originUrl: string
  ttl: number
  cacheDir: string
  host: string
  port: number
  auth: 'keystone' | 'none' | 'disabled'
}>

function configuration({ originUrl, ttl, cacheDir, host, port, auth }: Settings): string {
  return `[DEFAULT]
bind_host = ${host}
bind_port = ${port}
image_cache_dir = ${cacheDir}
image_cache_driver = ${driver}
log_level = debug
[origin]
url = ${originUrl}
[keystone]
auth_url = ${stack.keystoneUrl}
username = afterimage
password = ${stack.password}
project_name = service
[authorization]
ttl = ${ttl}
[cache]
min_free_space = 0
[management]
auth = ${auth}
# Any free one: nobody asks there.
bind_port = 0
`
}
