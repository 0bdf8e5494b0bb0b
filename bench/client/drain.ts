import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Target } from '../peers/peer.ts'

const run = promisify(execFile)

export type Drained = Readonly<{
  seconds: number
  /** Million body bytes per second, all connections together. */
  mbPerSecond: number
  /** Median time to the first byte of an answer. */
  firstByteMs: number
  /** The client's own processor time: shows that the server was measured, not the client. */
  clientCpuSeconds: number
}>

export type Load = Readonly<{ requests: number; connections: number }>

/** Downloads `bytes` per request and drops them. Rejects unless every request gave a complete 200 of that size. */
export type Drain = (target: Target, bytes: number, load: Load) => Promise<Drained>

const patienceSeconds = 60

/** Compiles the client into `dir`; downloads end when `interrupted`. A C compiler is needed: a client in a slower language would be what is measured. */
export async function buildDrain(dir: string, interrupted: AbortSignal): Promise<Drain> {
  const program = join(dir, 'drain')
  await run('cc', ['-O2', '-o', program, join(import.meta.dirname, 'drain.c')]).catch((error: unknown) => {
    throw new Error('cannot compile bench/client/drain.c: a C compiler called `cc` is needed', { cause: error })
  })
  return async function drain(target, bytes, { requests, connections }) {
    const args = ['-n', `${requests}`, '-c', `${connections}`, '-t', `${patienceSeconds}`, '-H', target.header]
    const { stdout } = await run(program, [...args, '127.0.0.1', `${target.port}`, target.path], {
      signal: interrupted,
    })
    const value = (name: string) => Number(new RegExp(`\\b${name}=([\\d.]+)`).exec(stdout)?.[1] ?? Number.NaN)
    if (value('bytes') !== bytes * requests) {
      throw new Error(`${requests} requests for ${bytes} bytes each gave ${value('bytes')} in all`)
    }
    return {
      seconds: value('seconds'),
      mbPerSecond: value('mbps'),
      firstByteMs: value('first_ms'),
      clientCpuSeconds: value('cpu_s'),
    }
  }
}
