import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { get } from '../client/get.ts'
import { measureUsage } from '../measure.ts'
import { nodeFlags } from '../node-flags.ts'
import { freePort } from '../ports.ts'
import { startServer } from '../server-process.ts'
import { imageSize } from './scale-directory.ts'

/** Milliseconds of each time that it was done; `waited`: the longest that another request had to wait during a list. */
export type ServerTimes = Readonly<{
  start: number[]
  list: number[]
  waited: number[]
  dryRun: number[]
  peakMiB: number
}>

const checkout = join(import.meta.dirname, '../..')

/** In each life of a server; the first one after its start takes longer. */
const lists = 3

/**
 * The programs as built, on a full directory of `entries` images: the server from its start until it answers, then its
 * list over HTTP, several times in each of `rounds`, and the pruner's plan for half of the images.
 */
export async function timeServer(dir: string, driver: string, entries: number, rounds: number): Promise<ServerTimes> {
  const times: Omit<ServerTimes, 'peakMiB'> = { start: [], list: [], waited: [], dryRun: [] }
  let peakMiB = 0
  const options = [
    `--image-cache-dir=${dir}`,
    `--image-cache-driver=${driver}`,
    `--image-cache-max-size=${(entries * imageSize) >> 1}`,
    // Nobody asks it for anything.
    '--origin-url=http://127.0.0.1:9',
  ]
  for (let round = 0; round < rounds; round++) {
    const [port, operatorPort] = [await freePort(), await freePort()]
    const url = `http://127.0.0.1:${port}`
    const listeners = [`--bind-port=${port}`, `--management-bind-port=${operatorPort}`, '--management-auth=none']
    const began = performance.now()
    const server = await startServer({
      name: 'Afterimage',
      program: process.execPath,
      args: [...nodeFlags, 'dist/src/api.js', ...options, ...listeners, '--bind-host=127.0.0.1'],
      cwd: checkout,
      log: `${dir}.log`,
      readyUrl: `${url}/healthcheck`,
    })
    try {
      times.start.push(performance.now() - began)
      for (let n = 0; n < lists; n++) {
        const { usage, result } = await measureUsage(server.pid, () => list(url))
        times.list.push(result.ms)
        times.waited.push(result.waited)
        peakMiB = Math.max(peakMiB, usage.peakRssMiB)
      }
      times.dryRun.push(await run(['dist/src/cache-pruner.js', '--dry-run', ...options], entries))
    } finally {
      await server.stop()
    }
  }
  return { ...times, peakMiB }
}

/** With a look, again and again, at how long the server leaves another request waiting meanwhile. */
async function list(url: string): Promise<Readonly<{ ms: number; waited: number }>> {
  const done = new AbortController()
  const looking = slowestLook(`${url}/healthcheck`, done.signal)
  const began = performance.now()
  for await (const _ of await get(`${url}/v2/cache`));
  const ms = performance.now() - began
  done.abort()
  return { ms, waited: await looking }
}

async function slowestLook(url: string, signal: AbortSignal): Promise<number> {
  let slowest = 0
  while (!signal.aborted) {
    const began = performance.now()
    for await (const _ of await get(url));
    slowest = Math.max(slowest, performance.now() - began)
    await delay(10)
  }
  return slowest
}

/** Milliseconds of a program that prints a line for each image at least. */
async function run(args: string[], entries: number): Promise<number> {
  const began = performance.now()
  const child = spawn(process.execPath, args, { cwd: checkout, stdio: ['ignore', 'pipe', 'inherit'] })
  let lines = 0
  child.stdout.on('data', (piece: Buffer) => {
    for (let at = piece.indexOf(10); at !== -1; at = piece.indexOf(10, at + 1)) lines++
  })
  const [code] = await once(child, 'close')
  if (code !== 0 || lines < entries) throw new Error(`${args[0]} ended with code ${code} after ${lines} lines`)
  return performance.now() - began
}
