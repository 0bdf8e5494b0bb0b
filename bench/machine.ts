import { execFileSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { diskOf } from './disk.ts'

/** Where and with what the figures were made. */
export type Machine = Readonly<{
  processor: string
  cores: number
  memoryGiB: number
  kernel: string
  node: string
  nginx: string
  /** Short hash, with `-dirty` when the checkout has changes. */
  commit: string
  /** The file system that holds upstream images and every server's cache. */
  disk: string
  /** Load average of the minute before the run: anything near 1 or above disturbs the figures. */
  load: number
}>

export async function describeMachine(dir: string): Promise<Machine> {
  return {
    processor: cpus()[0]?.model ?? 'unknown processor',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    nginx: nginxVersion(),
    commit: commit(),
    disk: await diskOf(dir),
    load: loadavg()[0] ?? Number.NaN,
  }
}

/** One line for the head of the table. */
export function machineLine(machine: Machine): string {
  const { processor, cores, memoryGiB, kernel, node, nginx, commit, disk, load } = machine
  return `${cores} cores (${processor}), ${memoryGiB} GiB, Linux ${kernel}, Node ${node}, nginx ${nginx}, ${disk}; load before the run ${load.toFixed(2)}; commit ${commit}`
}

function commit(): string {
  try {
    const run = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8', cwd: import.meta.dirname }).trim()
    const hash = run('rev-parse', '--short=10', 'HEAD')
    return run('status', '--porcelain') === '' ? hash : `${hash}-dirty`
  } catch {
    // Not a checkout, or no git: the figures stand without a commit.
    return 'unknown'
  }
}

function nginxVersion(): string {
  try {
    // Debian builds name the distribution's patch level in `-V` only.
    const text = execFileSync('sh', ['-c', 'nginx -v 2>&1'], { encoding: 'utf8' })
    return /nginx\/(\S+)/.exec(text)?.[1] ?? 'unknown'
  } catch {
    return 'absent'
  }
}
