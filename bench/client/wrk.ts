import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Target, urlOf } from './target.ts'

/** Requests per second that `connections` kept-alive connections get, each asking again as soon as it has its answer. */
export async function wrk(target: Target, connections: number, seconds: number): Promise<number> {
  const args = ['-t', '1', '-c', `${connections}`, '-d', `${seconds}s`, '-H', target.header, urlOf(target)]
  const { stdout } = await promisify(execFile)('wrk', args)
  const fault = /^\s*(Socket errors|Non-2xx or 3xx responses):.*$/m.exec(stdout)
  if (fault !== null) throw new Error(`wrk: ${fault[0].trim()}`)
  const rate = Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(stdout)?.[1])
  if (!(rate > 0)) throw new Error(`wrk got no answer within ${seconds} s`)
  return rate
}
