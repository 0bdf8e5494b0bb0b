import { endBySignal } from './cli/end-by-signal.ts'
import { endWhenUnread, type LineWriter, lineWriter } from './cli/line-writer.ts'
import { type ToolFlags, takeFlags, toolUsage } from './cli/tool-arguments.ts'
import { loadConfig } from './config/load-config.ts'
import { describeError, reportFaults } from './events/fault-events.ts'
import { type OpenedStore, openStore } from './open-store.ts'

const flags = {
  '--dry-run': 'say what would be done, and why, and do nothing',
  '--json': 'write JSON, one object a line',
} as const satisfies ToolFlags

export type StoreToolRun = Readonly<{
  store: OpenedStore
  isDryRun: boolean
  isJson: boolean
  out: LineWriter
  /** Aborted when the program is told to end. */
  signal: AbortSignal
}>

/**
 * A program of cron's that works on the cache directory, with the same configuration as afterimage-api. Sets the exit
 * code: 0 done, 1 something failed (`ERROR: ...` on stderr), 2 wrong configuration, 130 or 143 ended by a signal.
 */
export async function runStoreTool(name: string, purpose: string, run: (tool: StoreToolRun) => Promise<void>) {
  // Image bytes and what is known about them are for the service and its group, not for every user of the machine.
  process.umask(0o027)
  endWhenUnread()
  const fail = (message: string) => {
    console.error(`ERROR: ${message}`)
    process.exitCode ??= 1
  }

  const given = takeFlags(process.argv.slice(2), ['--dry-run', '--json'])
  const usage = toolUsage(name, purpose, flags)
  const loaded = loadConfig({ argv: given.rest, env: process.env, cwd: process.cwd(), usage })
  if (loaded.kind === 'print') return void process.stdout.write(loaded.text)
  if (loaded.kind === 'error') {
    console.error(loaded.message)
    process.exitCode = 2
    return
  }
  const ending = endBySignal()

  const events = reportFaults(fail)
  try {
    await using store = await openStore(loaded.config, events)
    const out = lineWriter(process.stdout)
    const has = (flag: '--dry-run' | '--json') => given.flags.has(flag)
    await run({ store, isDryRun: has('--dry-run'), isJson: has('--json'), out, signal: ending.signal })
    await out.flush()
  } catch (error) {
    fail(describeError(error))
  }
}
