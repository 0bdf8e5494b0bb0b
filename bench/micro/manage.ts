/**
 * How long does it take to manage a large cache? For each metadata driver a directory with many tiny images, then the
 * server's start, its list over HTTP, and the programs: `npm run bench:manage -- [--entries N] [--dir DIR]`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { get } from '../client/get.ts'
import { describeMachine, machineLine } from '../machine.ts'
import { measureUsage } from '../measure.ts'
import { freePort } from '../ports.ts'
import { type ServerProcess, startServer } from '../server-process.ts'
import { fillDirectory, imageSize } from './manage-directory.ts'

type Row = Readonly<{ what: string; seconds: number; peakMiB: number; remark: string }>

const { values } = parseArgs({
  options: { entries: { type: 'string', default: '100000' }, dir: { type: 'string', default: tmpdir() } },
})
const entries = Number(values.entries)
if (!Number.isInteger(entries) || entries < 1)
  throw new Error(`--entries ${values.entries}: give a whole number from 1`)

const checkout = join(import.meta.dirname, '../..')
await using cleanup = new AsyncDisposableStack()
const home = await mkdtemp(join(values.dir, 'afterimage-manage-'))
cleanup.defer(() => rm(home, { recursive: true, force: true }))

console.log(`${machineLine(await describeMachine(home))}\n`)
console.log(`${entries} images\n\n| driver | what | seconds | peak RSS, MiB | |\n| --- | --- | ---: | ---: | --- |`)
for (const driver of ['sqlite', 'xattr']) {
  for await (const { what, seconds, peakMiB, remark } of measured(driver)) {
    console.log(`| ${driver} | ${what} | ${seconds.toFixed(2)} | ${peakMiB.toFixed(0)} | ${remark} |`)
  }
}

async function* measured(driver: string): AsyncIterable<Row> {
  const dir = join(home, driver)
  await fillDirectory(dir, driver, entries)
  const [port, operatorPort] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${port}`
  const options = [
    `--image-cache-dir=${dir}`,
    `--image-cache-driver=${driver}`,
    `--image-cache-max-size=${(entries * imageSize) >> 1}`,
    // Nobody asks it for anything.
    '--origin-url=http://127.0.0.1:9',
  ]
  const listeners = [`--bind-port=${port}`, `--management-bind-port=${operatorPort}`, '--management-auth=none']
  const began = performance.now()
  const server = await startServer({
    name: 'Afterimage',
    program: process.execPath,
    args: [
      '--max-semi-space-size=8',
      'dist/src/api.js',
      ...options,
      ...listeners,
      '--bind-host=127.0.0.1',
      '--log-level=warn',
    ],
    cwd: checkout,
    log: join(home, `${driver}.log`),
    readyUrl: `${url}/healthcheck`,
  })
  try {
    yield { what: 'server start', seconds: since(began), peakMiB: await peakMiB(server.pid), remark: '' }
    for (let round = 1; round <= 3; round++) yield await listOver(server, url, round)
    yield await program('afterimage-cache-manage list-cached', ['dist/src/cache-manage.js', `-p${port}`, 'list-cached'])
    const json = ['dist/src/cache-manage.js', `-p${port}`, '--json', 'list-cached']
    yield await program('afterimage-cache-manage list-cached --json', json)
    const pruner = ['dist/src/cache-pruner.js', '--dry-run', ...options]
    yield await program('afterimage-cache-pruner --dry-run', pruner)
    yield await program('afterimage-cache-pruner --dry-run --json', [...pruner, '--json'])
  } finally {
    await server.stop()
  }
}

/** With a look, again and again, at how long the server leaves another request waiting meanwhile. */
async function listOver(server: ServerProcess, url: string, round: number): Promise<Row> {
  const done = new AbortController()
  const looking = slowestLook(`${url}/healthcheck`, done.signal)
  const began = performance.now()
  const { usage, result: bytes } = await measureUsage(server.pid, async () => {
    let length = 0
    for await (const piece of await get(`${url}/v2/cache`)) length += piece.length
    return length
  })
  const seconds = since(began)
  done.abort()
  const remark = `${bytes} bytes; another request waited ${(await looking).toFixed(0)} ms at most`
  return { what: `GET /v2/cache, ${round}`, seconds, peakMiB: usage.peakRssMiB, remark }
}

async function slowestLook(url: string, signal: AbortSignal): Promise<number> {
  let slowest = 0
  while (!signal.aborted) {
    const began = performance.now()
    for await (const _ of await get(url));
    slowest = Math.max(slowest, performance.now() - began)
    await delay(5)
  }
  return slowest
}

async function program(what: string, args: string[]): Promise<Row> {
  const began = performance.now()
  const child = spawn(process.execPath, args, { cwd: checkout, stdio: ['ignore', 'pipe', 'inherit'] })
  let [lines, peak] = [0, 0]
  child.stdout.on('data', (piece: Buffer) => {
    for (const byte of piece) if (byte === 10) lines++
  })
  const ended = once(child, 'close')
  let running = true
  void ended.then(() => {
    running = false
  })
  while (running) {
    if (child.pid !== undefined) peak = Math.max(peak, await peakMiB(child.pid))
    await delay(10)
  }
  const [code] = await ended
  if (code !== 0) throw new Error(`${what} ended with code ${code}`)
  return { what, seconds: since(began), peakMiB: peak, remark: `${lines} lines` }
}

/** The greatest resident set so far of a process; 0 when it has ended. */
async function peakMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '') // it has just ended
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024
}

function since(began: number): number {
  return (performance.now() - began) / 1000
}
