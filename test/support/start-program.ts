import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cleanup } from './cleanup.ts'
import { deadline, eventually } from './deadline.ts'

const source = fileURLToPath(new URL('../../src/', import.meta.url))

export interface StartedProgram {
  readonly pid: number
  stdout(): string
  stderr(): string
  /** Resolves once this has been printed on stdout. */
  said(words: string | RegExp): Promise<void>
  kill(signal: NodeJS.Signals): void
  /** The exit code, or the signal that ended it; with everything it has printed. */
  ended(): Promise<Readonly<{ code: number | NodeJS.Signals | null; stdout: string; stderr: string }>>
}

/** One of the programs in src/ from its source, in a process of its own that ends with the test at the latest. */
export function startProgram(
  t: TestContext,
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): StartedProgram {
  const { PATH = '', NODE_COMPILE_CACHE } = process.env
  const compileCache = NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }
  const child = spawn(process.execPath, [`${source}${name}`, ...args], {
    env: { PATH, ...compileCache, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const closed = once(child, 'close')
  cleanup(t, async () => {
    child.kill('SIGKILL')
    await deadline(closed, `${name} is gone`)
  })
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    said: (words) =>
      eventually(
        () => (typeof words === 'string' ? stdout.includes(words) : words.test(stdout)),
        `${name} says ${words}`,
        20_000,
      ),
    kill: (signal) => void child.kill(signal),
    async ended() {
      const [code, signal] = await deadline(closed, `${name} ends`, 20_000)
      return { code: code ?? signal, stdout, stderr }
    },
  }
}
