import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end, freePort, run } from '../../real/proxy.ts'
import { type Relay, startRelay } from '../../real/relay.ts'
import { stack } from '../../real/stack.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import { type DriverName, drivers } from '../../support/proxy.ts'

/** The program under test as a process of its own, behind it a relay to the real Glance that can be held. */
export interface Server extends AsyncDisposable {
  readonly driver: DriverName
  readonly url: string
  readonly operatorUrl: string
  readonly cacheDir: string
  readonly configFile: string
  readonly relay: Relay
  readonly pid: number
  /** All it has written so far, at its most talkative. */
  log(): Promise<string>
  /** Names in the cache directory that are ids of images. */
  names(place?: 'incomplete' | 'queue'): Promise<string[]>
  committed(id: string): Promise<void>
  /** By the control socket, where Keystone is not asked. */
  evict(id: string): Promise<void>
}

export type ServerOptions = Readonly<{
  glanceUrl: string
  /** authorization.ttl in seconds. */
  ttl: number
  /** The cache's own user, `admin` in his project; without one only the callers' tokens are there. */
  own?: Readonly<{ name: string; password: string; projectName: string }>
  flags?: readonly string[]
}>

export async function startServer(
  driver: DriverName,
  { glanceUrl, ttl, own, flags = [] }: ServerOptions,
): Promise<Server> {
  await using opened = new AsyncDisposableStack()
  const home = await mkdtemp(join(tmpdir(), 'afterimage-authority-'))
  opened.defer(() => rm(home, { recursive: true }))
  const cacheDir = join(home, 'cache')
  const [port, operatorPort] = [await freePort(), await freePort()]
  const relay = opened.use(await startRelay(glanceUrl))
  const configFile = join(home, 'afterimage.conf')
  await writeFile(
    configFile,
    `[DEFAULT]
bind_port = ${port}
image_cache_dir = ${cacheDir}
image_cache_driver = ${driver}
log_level = trace
graceful_shutdown_timeout = 5
[origin]
url = ${relay.url}
[keystone]
auth_url = ${stack.keystoneUrl}
${own === undefined ? '' : `username = ${own.name}\npassword = ${own.password}\nproject_name = ${own.projectName}`}
[authorization]
ttl = ${ttl}
[cache]
min_free_space = 0
[management]
bind_port = ${operatorPort}
`,
  )
  const log = createWriteStream(join(home, 'log'))
  opened.defer(() => void log.end())
  const url = `http://127.0.0.1:${port}`
  const child = await run(['--config-file', configFile, ...flags], url, log)
  opened.defer(() => end(child, 'SIGTERM'))
  const names: Server['names'] = async (place) =>
    (await readdir(join(cacheDir, place ?? ''))).filter((name) => /^[0-9a-f-]{36}$/.test(name)).sort()
  const whole = opened.move()
  return {
    driver,
    url,
    operatorUrl: `http://127.0.0.1:${operatorPort}`,
    cacheDir,
    configFile,
    relay,
    pid: child.pid ?? Number.NaN,
    log: () => readFile(log.path, 'utf8'),
    names,
    committed: (id) =>
      eventually(async () => (await names()).includes(id), `image ${id} is committed (${driver})`, 30_000),
    async evict(id) {
      const socketPath = join(cacheDir, '.afterimage/control.sock')
      const sent = request({ socketPath, method: 'DELETE', path: `/v2/cached_images/${id}`, agent: false }).end()
      const [answer] = await deadline(once(sent, 'response'), `${id} is evicted`, 30_000)
      answer.resume()
      assert.equal(answer.statusCode, 200)
    },
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  }
}

/** One for each driver, ended with `running`; one after another, since on a busy machine the start takes its time. */
export async function startServers(running: AsyncDisposableStack, options: ServerOptions): Promise<Server[]> {
  const started: Server[] = []
  for (const driver of drivers) started.push(running.use(await startServer(driver, options)))
  return started
}
