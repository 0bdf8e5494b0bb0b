import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { loadConfig } from '../../src/config/load-config.ts'
import { startServer } from '../../src/start-server.ts'
import { cleanup } from './cleanup.ts'
import { get } from './client.ts'
import { deadline, eventually } from './deadline.ts'
import { tempDir } from './temp-dir.ts'

/** The drivers for which every promise of the cache holds. */
export const drivers = ['sqlite', 'xattr'] as const
export type DriverName = (typeof drivers)[number]

export type ProxyOptions = Readonly<{
  /** The upstream's URL; without one the embedded store at `images` serves. */
  upstream?: string
  images?: string
  driver: DriverName
  /** The cache directory; a new one without it. */
  dir?: string
  /** More flags, `--group-option=value`. */
  flags?: readonly string[]
}>

export interface RunningProxy {
  readonly url: string
  /** The operator's listener. */
  readonly operatorUrl: string
  readonly dir: string
  image(id: string): string
  /** Value of a metric with these labels, 0 when it has never been counted. */
  metric(line: string): Promise<number>
  /** Names in a place of the cache directory, our own and the database's files left out. */
  names(place?: 'incomplete' | 'invalid' | 'queue'): Promise<string[]>
  committed(id: string): Promise<void>
  close(): Promise<void>
}

/** The whole server in this process, on free loopback ports, ended with the test. */
export async function startProxy(t: TestContext, options: ProxyOptions): Promise<RunningProxy> {
  const dir = options.dir ?? (await tempDir(t))
  const store = options.upstream === undefined ? `--origin-path=${options.images}` : `--origin-url=${options.upstream}`
  const loaded = loadConfig({
    argv: [
      '--bind-port=0',
      '--management-bind-port=0',
      ...((options.flags ?? []).some((flag) => /^--(management-auth|keystone-auth-url)=/.test(flag))
        ? []
        : ['--management-auth=none']),
      `--image-cache-dir=${dir}`,
      `--image-cache-driver=${options.driver}`,
      '--cache-min-free-space=0',
      '--graceful-shutdown-timeout=1',
      `--log-level=${process.env.TEST_LOG ?? 'silent'}`,
      store,
      ...(options.flags ?? []),
    ],
    env: {},
    cwd: dir,
  })
  assert(loaded.kind === 'config', loaded.kind === 'error' ? loaded.message : 'no configuration')
  const server = await startServer(loaded)
  const { operatorUrl } = server
  assert(operatorUrl !== undefined, 'a server of one process has an operator’s listener')
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= server.close()
    return deadline(closing, 'the proxy ends')
  }
  cleanup(t, close)
  const names: RunningProxy['names'] = async (place) => {
    const found = await readdir(place === undefined ? dir : join(dir, place))
    return found.filter((name) => place !== undefined || /^[0-9a-f-]{36}$/.test(name)).sort()
  }
  const metric: RunningProxy['metric'] = async (line) => {
    const text = (await get(`${operatorUrl}/metrics`)).body.toString()
    const found = text.split('\n').find((candidate) => candidate.startsWith(`${line} `))
    return found === undefined ? 0 : Number(found.slice(line.length + 1))
  }
  return {
    url: server.url,
    operatorUrl,
    dir,
    image: (id) => `${server.url}/v2/images/${id}/file`,
    metric,
    names,
    committed: (id) =>
      eventually(
        async () => (await names()).includes(id) && (await metric('afterimage_fills_in_progress')) === 0,
        `image ${id} is committed`,
      ),
    close,
  }
}
