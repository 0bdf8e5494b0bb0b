import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { nodeFlags } from '../../../bench/node-flags.ts'
import { cleanup } from '../../support/cleanup.ts'
import { get } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import type { DriverName } from '../../support/proxy.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { build } from '../kill/build.ts'

/** What a server is at one moment. */
export type Reading = Readonly<{
  /** Seconds since the load began. */
  at: number
  /** Resident memory, MiB. */
  memory: number
  /** Of it, what JavaScript's objects take, MiB. */
  heap: number
  descriptors: number
  threads: number
  /** Since the reading before: 99 of 100 turns of the event loop were delayed by less than this (ms). */
  delay: number
}>

export interface WatchedServer {
  readonly url: string
  read(at: number): Promise<Reading>
  /** Names of what belongs to no committed image: of fills, records and drafts. */
  leftOver(): Promise<string[]>
  /** What it logged of this image lately. */
  said(id: string): string
  /** What it has open for the sake of downloads: images and records by their path, and the number of connections. */
  held(): Promise<Readonly<{ files: readonly string[]; sockets: number }>>
  end(): Promise<void>
}

/** As much of the end of its log is kept (characters), for whoever must find out why an answer was wrong. */
const keptLog = 1 << 20

/** The server as it is installed, in a process of its own. */
export async function startWatched(t: TestContext, driver: DriverName, upstream: string): Promise<WatchedServer> {
  const { program, compileCache } = build()
  const dir = await tempDir(t)
  const flags = [
    '--bind-port=0',
    '--management-bind-port=0',
    '--management-auth=none',
    '--cache-min-free-space=0',
    // A third of all the images: something is always fetched anew, and pruned.
    '--image-cache-max-size=20000000',
    '--cache-prune-interval=10',
    '--cache-prefetch-interval=10',
    '--cache-verify-interval=60',
    `--image-cache-dir=${dir}`,
    `--image-cache-driver=${driver}`,
    `--origin-url=${upstream}`,
  ]
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [...nodeFlags, program('api.js'), ...flags], {
    env: { PATH, NODE_COMPILE_CACHE: compileCache },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  let log = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-keptLog)
  })
  cleanup(t, async () => {
    child.kill('SIGKILL')
    await deadline(closed, 'the server is gone')
  })
  const { pid } = child
  assert(pid !== undefined, 'the server is a process')
  await eventually(() => log.includes('afterimage is ready'), 'the server is ready', 60_000)
  const [url, operatorUrl] = ['listening', 'operator'].map((key) => new RegExp(`"${key}":"([^"]+)"`).exec(log)?.[1])
  assert(url !== undefined && operatorUrl !== undefined, 'it says where it listens')
  return {
    url,
    async read(at) {
      const [status, descriptors, metrics] = await Promise.all([
        readFile(`/proc/${pid}/status`, 'utf8'),
        readdir(`/proc/${pid}/fd`),
        deadline(get(`${operatorUrl}/metrics`), 'metrics', 60_000),
      ])
      const number = (pattern: RegExp, text: string) => Number(pattern.exec(text)?.[1])
      return {
        at,
        memory: number(/^VmRSS:\s+(\d+) kB$/m, status) / 1024,
        heap: number(/^nodejs_heap_size_used_bytes (\S+)$/m, metrics.body.toString()) / 2 ** 20,
        threads: number(/^Threads:\s+(\d+)$/m, status),
        descriptors: descriptors.length,
        delay: number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m, metrics.body.toString()) * 1000,
      }
    },
    async leftOver() {
      const places = ['incomplete', 'invalid', '.afterimage/fills', '.afterimage/queue', '.afterimage', 'queue', '.']
      const names = await Promise.all(places.map(async (place) => [place, await readdir(join(dir, place))] as const))
      return names.flatMap(([place, found]) =>
        found
          .filter((name) => name.endsWith('.tmp') || (place !== '.' && /^[0-9a-f-]{36}$/.test(name)))
          .map((name) => `${place}/${name}`),
      )
    },
    said: (id) =>
      log
        .split('\n')
        .filter((line) => line.includes(id))
        .slice(-20)
        .join('\n'),
    async held() {
      const fds = await readdir(`/proc/${pid}/fd`)
      const links = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => 'closed')))
      const files = links.filter((link) => link.startsWith(dir) && /[0-9a-f-]{36}/.test(link.slice(dir.length)))
      return { files, sockets: links.filter((link) => link.startsWith('socket:')).length }
    },
    async end() {
      child.kill('SIGTERM')
      const [code] = await deadline(closed, 'the server ends', 60_000)
      assert.equal(code, 0, 'it ends in order')
    },
  }
}
