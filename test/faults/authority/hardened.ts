import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { end } from '../../real/proxy.ts'
import { cleanup } from '../../support/cleanup.ts'
import { deadline } from '../../support/deadline.ts'
import { tempDir } from '../../support/temp-dir.ts'

const checkout = join(import.meta.dirname, '../../..')

/** No user of this machine. */
export const uid = 54_321

export type Ended = Readonly<{ code: number | null; output: string }>

/** A process that runs as packaging/ has it run: as a user without rights, with one directory to write to. */
export interface Hardened {
  /** All it has printed so far. */
  output(): string
  /** SIGTERM to the program itself, when there is something to end; then its end. */
  ended(signal?: 'SIGTERM'): Promise<Ended>
  /** System calls that were refused because a file system is read-only. */
  refusedWrites(): Promise<string[]>
}

export interface Cell {
  /** The one directory that can be written to. */
  readonly dir: string
  /** Starts one of the programs in src/. */
  start(program: string, args: readonly string[]): Hardened
}

export async function openCell(t: TestContext): Promise<Cell> {
  if (process.getuid?.() !== 0) throw new Error('it takes root to make everything read-only')
  const home = await tempDir(t)
  const [dir, place] = [join(home, 'cache'), join(home, 'app')]
  await mkdir(dir, { mode: 0o750 })
  await chown(dir, uid, uid)
  await mkdir(place)
  await chown(home, uid, uid)
  let count = 0
  return {
    dir,
    start(program, args) {
      count += 1
      const trace = join(home, `trace-${count}`)
      const node = join(place, 'node_modules/node/bin/node')
      const command = [node, join(place, 'src', program), ...args]
      const cell = [join(import.meta.dirname, 'read-only-root.sh'), String(uid), checkout, place, dir, ...command]
      const strace = ['-f', '--seccomp-bpf', '-e', 'trace=%file', '-e', 'status=failed', '-o', trace]
      const { PATH = '' } = process.env
      const child = spawn('strace', [...strace, 'unshare', '--mount', ...cell], { env: { PATH } })
      let output = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text
        })
      }
      const closed = once(child, 'close')
      cleanup(t, async () => {
        // Without strace the program would live on.
        const left = await onlyChildOf(child.pid ?? 0).catch(() => undefined)
        if (left !== undefined) process.kill(left, 'SIGKILL')
        await end(child, 'SIGKILL')
      })
      return {
        output: () => output,
        async ended(signal) {
          // strace, unshare and bash have become one process each; the program is the child that strace traces.
          if (signal !== undefined) process.kill(await onlyChildOf(child.pid ?? 0), signal)
          const [code] = await deadline(closed, `${program} ends`, 60_000)
          return { code, output }
        },
        async refusedWrites() {
          const lines = (await readFile(trace, 'utf8')).split('\n').filter((line) => line.includes('EROFS'))
          // What mount itself would like to keep, while everything is being made read-only.
          return lines.filter((line) => !line.includes('"/run/mount"'))
        },
      }
    },
  }
}

async function onlyChildOf(pid: number): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ')
  const [child] = children
  if (children.length !== 1 || child === undefined || child === '') throw new Error(`children of ${pid}: ${children}`)
  return Number(child)
}
