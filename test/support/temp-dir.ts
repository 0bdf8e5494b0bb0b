import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { cleanup } from './cleanup.ts'

/** A new empty directory of the test's own (absolute path), removed with everything in it when the test has ended. */
export async function tempDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'afterimage-test-'))
  cleanup(t, () => rm(dir, { recursive: true, force: true }))
  return dir
}
