import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cleanup } from '../../support/cleanup.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import type { DriverName } from '../../support/proxy.ts'

/** Whatever can change a file, a name or an attribute, or force it to the disk; and what tells which file is meant. */
const traced = [
  'open,openat,creat,close,dup,dup2,dup3,write,pwrite64,writev,pwritev,pwritev2,copy_file_range,ftruncate,truncate',
  'fallocate,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat',
  'rmdir,mkdir,mkdirat,setxattr,lsetxattr,fsetxattr,removexattr,lremovexattr,fremovexattr,utimensat',
].join(',')

/** Longer than anything that is written at once in a recording (bytes). */
const mostBytes = 1 << 20

export interface TracedServer {
  image(id: string): string
  readonly url: string
  /** Everything it has logged so far. */
  log(): string
  /** Ends it in order (SIGTERM), and gives what strace wrote. */
  end(): Promise<string>
}

/** The real server, from its source, in a process of its own whose system calls are recorded in `trace`. */
export async function startTraced(
  t: TestContext,
  options: Readonly<{ dir: string; driver: DriverName; upstream: string; trace: string; flags?: readonly string[] }>,
): Promise<TracedServer> {
  const server = fileURLToPath(new URL('../../../src/api.ts', import.meta.url))
  const { PATH = '', NODE_COMPILE_CACHE } = process.env
  const env = NODE_COMPILE_CACHE === undefined ? { PATH } : { PATH, NODE_COMPILE_CACHE }
  const strace = ['-f', '--seccomp-bpf', '-ttt', '-xx', '-s', String(mostBytes), '-o', options.trace, '-e', traced]
  const node = [
    process.execPath,
    server,
    '--bind-port=0',
    '--management-bind-port=0',
    '--management-auth=none',
    '--cache-min-free-space=0',
    '--graceful-shutdown-timeout=1',
    `--image-cache-dir=${options.dir}`,
    `--image-cache-driver=${options.driver}`,
    `--origin-url=${options.upstream}`,
    ...(options.flags ?? []),
  ]
  const child = spawn('strace', [...strace, '--', ...node], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let log = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  const closed = once(child, 'close')
  const pid = child.pid
  assert(pid !== undefined, 'strace can be run')
  /** strace keeps SIGTERM for itself; the server is its only child. */
  const serverPid = async () => Number((await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim())
  cleanup(t, async () => {
    const server = await serverPid().catch(() => undefined)
    if (server) process.kill(server, 'SIGKILL')
    child.kill('SIGKILL')
    await deadline(closed, 'the traced server is gone')
  })
  await eventually(() => log.includes('afterimage is ready'), 'the traced server is ready', 60_000)
  const url = /"listening":"([^"]+)"/.exec(log)?.[1]
  assert(url !== undefined, 'it says where it listens')
  return {
    url,
    image: (id) => `${url}/v2/images/${id}/file`,
    log: () => log,
    async end() {
      process.kill(await serverPid(), 'SIGTERM')
      const [code] = await deadline(closed, 'the traced server ends', 30_000)
      assert.equal(code, 0, 'it ends in order')
      return readFile(options.trace, 'latin1')
    },
  }
}
