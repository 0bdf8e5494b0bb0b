#!/usr/bin/env node
import { runManage } from './cli/run-manage.ts'
import { programVersion } from './config/program-version.ts'

/** afterimage-cache-manage: what is in a server's cache, what is to come and what is to go. */

// As with the server: `migrate` makes files of the cache.
process.umask(0o027)
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever reads the output may have seen enough (`| head`).
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`The output cannot be written: ${error.message}\n`)
  process.exit(1)
})
process.exitCode = await runManage({
  program: 'afterimage-cache-manage',
  version: programVersion(),
  argv: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  // Loaded only then: nothing else here needs the server's own parts.
  migrate: async (request) => (await import('./migrate-metadata.ts')).migrateMetadata(request),
})
