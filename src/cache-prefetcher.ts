#!/usr/bin/env node
import { endBySignal } from './cli/end-by-signal.ts'
import { barView, jsonView, plainView } from './cli/progress.ts'
import { takeFlags, toolUsage } from './cli/tool-arguments.ts'
import { loadConfig } from './config/load-config.ts'
import { openLog } from './events/log.ts'
import { prefetchQueued } from './prefetch-queued.ts'

/** afterimage-cache-prefetcher: fetches what is queued, and ends. */

process.umask(0o027)

const usage = toolUsage('afterimage-cache-prefetcher', 'Fetches the images that are queued into the cache.', {
  '--json': 'print a JSON object on each line for what happens',
})
const { flags, rest } = takeFlags(process.argv.slice(2), ['--json'])
const loaded = loadConfig({ argv: rest, env: process.env, cwd: process.cwd(), usage })
if (loaded.kind === 'print') process.stdout.write(loaded.text)
else if (loaded.kind === 'error') {
  console.error(loaded.message)
  process.exitCode = 2
} else {
  const ending = endBySignal()

  // Whoever reads the output may have seen enough (`| head`).
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    ending.abort()
  })
  const print = (line: string) => void process.stdout.write(`${line}\n`)
  const isBars = process.stdout.isTTY && !flags.has('--json')
  const view = flags.has('--json') ? jsonView(print) : isBars ? barView(process.stdout) : plainView(print)
  // Reasons are shown anyway; a log among the bars would be no help.
  const log = openLog(isBars || loaded.config.default.logLevel === 'silent' ? 'silent' : 'error', process.stderr.fd)
  try {
    for await (const event of prefetchQueued(loaded, log, ending.signal)) {
      if ('done' in event) {
        view.end(event)
        if (event.failed > 0) process.exitCode ||= 1
      } else view.event(event)
    }
  } catch (error) {
    if (!ending.signal.aborted) {
      console.error(`ERROR: ${error instanceof Error ? error.message : String(error)}`)
      process.exitCode = 1
    }
  }
}
