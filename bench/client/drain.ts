import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Target } from './target.ts'

const run = promisify(execFile)

export type Drained = Readonly<{
  seconds: number
  /** Million body bytes per second, all connections together. */
  mbPerSecond: number
  /** Median time to the first byte of an answer. */
  firstByteMs: number
  /** Median time to the last byte of an answer; NaN where none came to its end. */
  p50Ms: number
  /** The time that 99 of 100 whole answers did not exceed. */
  p99Ms: number
  /** Body bytes of all connections, and of the one that got fewest. */
  bytes: number
  leastBytes: number
  /** The client's own processor time: shows that the server was measured, not the client. */
  clientCpuSeconds: number
}>

export type Load = Readonly<{
  requests: number
  connections: number
  /** Each connection waits so long between an answer and its next request. */
  pauseMs?: number
  /** Each connection reads so much per second at most. */
  bytesPerSecond?: number
  /** After so long everything is broken off, which is no failure. */
  forSeconds?: number
}>

/**
 * Downloads `bytes` per request, or as many as there are, and drops them. Rejects unless every request gave a complete 200
 * of that size; with `forSeconds`, unless every one that came to its end was complete.
 */
export type Drain = (target: Target, bytes: number | undefined, load: Load) => Promise<Drained>

const patienceSeconds = 60

/** Compiles the client into `dir`; downloads end when `interrupted`. A C compiler is needed: a client in a slower language would be what is measured. */
export async function buildDrain(dir: string, interrupted: AbortSignal): Promise<Drain> {
  const program = join(dir, 'drain')
  await run('cc', ['-O2', '-o', program, join(import.meta.dirname, 'drain.c')]).catch((error: unknown) => {
    throw new Error('cannot compile bench/client/drain.c: a C compiler called `cc` is needed', { cause: error })
  })
  return async function drain(target, bytes, load) {
    const args = [...optionsOf(load), '-t', `${patienceSeconds}`, '-H', target.header]
    const { stdout } = await run(program, [...args, '127.0.0.1', `${target.port}`, target.path], {
      signal: interrupted,
    })
    const value = (name: string) => Number(new RegExp(`\\b${name}=([\\d.]+)`).exec(stdout)?.[1] ?? Number.NaN)
    if (bytes !== undefined && load.forSeconds === undefined && value('bytes') !== bytes * load.requests) {
      throw new Error(`${load.requests} requests for ${bytes} bytes each gave ${value('bytes')} in all`)
    }
    return {
      seconds: value('seconds'),
      mbPerSecond: value('mbps'),
      firstByteMs: value('first_ms'),
      p50Ms: value('p50_ms') || Number.NaN,
      p99Ms: value('p99_ms') || Number.NaN,
      bytes: value('bytes'),
      leastBytes: value('least'),
      clientCpuSeconds: value('cpu_s'),
    }
  }
}

function optionsOf({ requests, connections, pauseMs, bytesPerSecond, forSeconds }: Load): string[] {
  const options = { n: requests, c: connections, i: pauseMs, r: bytesPerSecond, d: forSeconds }
  return Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [`-${name}`, `${value}`]))
}
