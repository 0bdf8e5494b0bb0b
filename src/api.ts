#!/usr/bin/env node
import { loadConfig } from './config/load-config.ts'
import { startServer } from './start-server.ts'

/** afterimage-api: the caching image API server. */

// Image bytes and what is known about them are for the service and its group, not for every user of the machine.
process.umask(0o027)

const loaded = loadConfig({ argv: process.argv.slice(2), env: process.env, cwd: process.cwd() })
if (loaded.kind === 'print') process.stdout.write(loaded.text)
else if (loaded.kind === 'error') {
  console.error(loaded.message)
  process.exitCode = 2
} else {
  try {
    const server = await startServer(loaded)
    let isEnding = false
    const end = () => {
      // A second signal means it: no more grace.
      if (isEnding) process.exit(1)
      isEnding = true
      server.close().catch((error: unknown) => {
        console.error(String(error))
        process.exitCode = 1
      })
    }
    process.on('SIGTERM', end)
    process.on('SIGINT', end)
  } catch (error) {
    console.error(`afterimage-api: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}
