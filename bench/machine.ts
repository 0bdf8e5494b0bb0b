import { execFileSync, spawnSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { diskOf } from './disk.ts'

/** Where and with what the figures were made. */
export type Machine = Readonly<{
  processor: string
  cores: number
  memoryGiB: number
  kernel: string
  node: string
  /** The servers of other makers that are there, as they give their version. */
  programs: readonly string[]
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
    programs: programs.flatMap(versionOf),
    commit: commit(),
    disk: await diskOf(dir),
    load: loadavg()[0] ?? Number.NaN,
  }
}

/** One line for the head of the table. */
export function machineLine(machine: Machine): string {
  const { processor, cores, memoryGiB, kernel, node, programs, commit, disk, load } = machine
  return `${cores} cores (${processor}), ${memoryGiB} GiB, Linux ${kernel}, Node ${node}, ${programs.join(', ')}, ${disk}; load before the run ${load.toFixed(2)}; commit ${commit}`
}

function commit(): string {
  try {
    const run = (...args: string[]) =>
      execFileSync('git', args, {
        encoding: 'utf8',
        cwd: import.meta.dirname,
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim()
    const hash = run('rev-parse', '--short=10', 'HEAD')
    return run('status', '--porcelain') === '' ? hash : `${hash}-dirty`
  } catch {
    // Not a checkout, or no git: the figures stand without a commit.
    return 'unknown'
  }
}

type Program = Readonly<{ name: string; command: readonly [string, ...string[]]; version: RegExp }>

const programs: readonly Program[] = [
  { name: 'nginx', command: ['nginx', '-v'], version: /nginx\/(\S+)/ },
  { name: 'Varnish', command: ['varnishd', '-V'], version: /varnish-(\S+)/ },
  { name: 'Traffic Server', command: ['traffic_server', '-V'], version: /Traffic Server (\d\S*)/ },
  { name: 'Squid', command: ['squid', '-v'], version: /Version (\S+)/ },
]

/** Nothing for one that is not installed. */
function versionOf({ name, command: [program, ...args], version }: Program): string[] {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  // Some say it on standard error.
  const found = version.exec(`${stdout ?? ''}${stderr ?? ''}`)?.[1]
  return found === undefined ? [] : [`${name} ${found}`]
}
