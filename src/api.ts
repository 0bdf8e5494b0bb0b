#!/usr/bin/env -S node --max-semi-space-size=4 --heap-growing-percent=20 --no-maglev
import cluster from 'node:cluster'
import { type LoadedConfig, loadConfig } from './config/load-config.ts'

/**
 * afterimage-api: the caching image API server. Its V8 flags keep it small beside a thousand slow readers: a young
 * generation of 4 MiB (100 MiB less than Node's own choice), an old one that is collected when it has grown by a fifth, and
 * no middle compiler, whose code costs more memory than it saves time here (together 20 MiB, the same processor time).
 */

// Image bytes and what is known about them are for the service and its group, not for every user of the machine.
process.umask(0o027)

/** Runs `end` at SIGTERM or SIGINT. A second signal means it: no more grace. */
function onSignal(end: () => void): void {
  let isEnding = false
  const take = () => {
    if (isEnding) process.exit(1)
    isEnding = true
    end()
  }
  process.on('SIGTERM', take)
  process.on('SIGINT', take)
}

// Each of the three loads what it needs: a primary has no use for the server's modules and their memory.
if (cluster.isWorker) {
  const { runWorker } = await import('./start-worker.ts')
  process.exit(await runWorker(onSignal))
}

const loaded = loadConfig({ argv: process.argv.slice(2), env: process.env, cwd: process.cwd() })
if (loaded.kind === 'print') process.stdout.write(loaded.text)
else if (loaded.kind === 'error') {
  console.error(loaded.message)
  process.exitCode = 2
} else {
  try {
    await (loaded.config.default.workers > 1 ? runPrimary(loaded) : runAlone(loaded))
  } catch (error) {
    console.error(`afterimage-api: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}

async function runAlone(loaded: LoadedConfig): Promise<void> {
  const { startServer } = await import('./start-server.ts')
  const server = await startServer(loaded)
  onSignal(() => {
    server.close().catch((error: unknown) => {
      console.error(String(error))
      process.exitCode = 1
    })
  })
}

async function runPrimary(loaded: LoadedConfig): Promise<void> {
  const { Primary } = await import('./workers/primary.ts')
  const primary = new Primary(loaded)
  process.on('SIGTERM', () => primary.end())
  process.on('SIGINT', () => primary.end())
  process.exitCode = await primary.run()
}
