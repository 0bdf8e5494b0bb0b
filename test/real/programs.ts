import { join } from 'node:path'
import { type Ended, type RunOptions, runCommand } from './command.ts'

const sources = join(import.meta.dirname, '../../src')

export type Program = 'cache-manage' | 'cache-prefetcher' | 'cache-pruner' | 'cache-cleaner'

export const manageProgram = join(sources, 'cache-manage.ts')

/** Runs one of our programs from its source, to its end. */
export function runProgram(program: Program, args: readonly string[], options?: RunOptions): Promise<Ended> {
  return runCommand(process.execPath, [join(sources, `${program}.ts`), ...args], options)
}

/** The words with which cache-manage finds a server. */
export function addressOf(url: string): string[] {
  const { hostname, port } = new URL(url)
  return [`--host=${hostname}`, `--port=${port}`]
}
