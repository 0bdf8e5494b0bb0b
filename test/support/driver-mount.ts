import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { cleanup } from './cleanup.ts'

const run = promisify(execFile)

/** Mounts a new file system of this type (`tmpfs`, `ramfs`) for one test; only root can. undefined: the test was skipped. */
export async function mountedDir(t: TestContext, type: string, options = 'rw'): Promise<string | undefined> {
  const dir = await mkdtemp(join(tmpdir(), 'afterimage-mount-'))
  const refused = await run('mount', ['-t', type, '-o', options, 'none', dir]).then(
    () => undefined,
    (error: Error) => error.message,
  )
  cleanup(t, async () => {
    if (refused === undefined) await run('umount', [dir])
    await rm(dir, { recursive: true })
  })
  if (refused === undefined) return dir
  t.skip(`cannot mount ${type} here: ${refused}`)
  return undefined
}

/** The mounted directory takes no more writes. */
export async function makeReadOnly(dir: string): Promise<void> {
  await run('mount', ['-o', 'remount,ro', dir])
}
