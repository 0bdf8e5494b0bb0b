import { execFile } from 'node:child_process'
import { mkdtemp, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { cleanup } from './cleanup.ts'

const run = promisify(execFile)

/** Why this machine cannot mount file systems for a test; undefined when it can. */
export const cannotMount = process.getuid?.() === 0 ? undefined : 'mounting a file system needs root'

/** A directory on a tmpfs of its own, with these options (`size=…,nr_inodes=…`), unmounted after the test. */
export async function tmpfsDir(t: TestContext, options: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'afterimage-mount-'))
  await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir])
  cleanup(t, async () => {
    // Lazily: a server that ends a little later must not keep the test from ending.
    await run('umount', ['-l', dir])
    await rmdir(dir)
  })
  return dir
}
