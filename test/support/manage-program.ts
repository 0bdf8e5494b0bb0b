import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { deadline } from './deadline.ts'

export type Ran = Readonly<{ code: number | null; stdout: string; stderr: string }>

export type RunOptions = Readonly<{ env?: Readonly<Record<string, string>>; stdin?: string; cwd?: string }>

const program = fileURLToPath(new URL('../../src/cache-manage.ts', import.meta.url))

const { NODE_COMPILE_CACHE: cacheDir } = process.env
const compileCache = cacheDir === undefined ? {} : { NODE_COMPILE_CACHE: cacheDir }

/** Runs afterimage-cache-manage from its source, with no environment but this one, to its end. */
export async function runManage(args: readonly string[], { env = {}, stdin = '', cwd }: RunOptions = {}): Promise<Ran> {
  const child = spawn(process.execPath, [program, ...args], {
    // No clouds.yaml of whoever runs the tests.
    env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', ...compileCache, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdio: 'pipe',
  })
  const texts = [child.stdout, child.stderr].map(async (stream) => {
    let text = ''
    for await (const piece of stream.setEncoding('utf8')) text += piece
    return text
  })
  // A program that does not read its stdin has perhaps ended before it was written.
  child.stdin.on('error', () => undefined)
  child.stdin.end(stdin)
  const ended = new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject))
  try {
    const code = await deadline(ended, `afterimage-cache-manage ${args.join(' ')} ends`, 20_000)
    const [stdout = '', stderr = ''] = await Promise.all(texts)
    return { code, stdout, stderr }
  } finally {
    child.kill('SIGKILL')
  }
}
