import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Config } from '../../src/config/config.ts'
import { type LoadOptions, type LoadResult, loadConfig } from '../../src/config/load-config.ts'

/** A directory of the test's own with these files in it, removed afterwards. */
export function directoryWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'afterimage-config-'))
  t.after(() => rmSync(dir, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  return dir
}

/** As in a checkout at /srv/afterimage with nothing set, but for what is given. */
export function load(options: Partial<LoadOptions>): LoadResult {
  return loadConfig({ argv: [], env: {}, cwd: '/srv/afterimage', installed: false, ...options })
}

/** Loads one file with this text, named x.conf in messages. */
export function loadText(t: TestContext, text: string, options: Partial<LoadOptions> = {}): LoadResult {
  const cwd = directoryWith(t, { 'x.conf': text })
  return load({ cwd, ...options, argv: ['--config-file', 'x.conf', ...(options.argv ?? [])] })
}

export function accepted(result: LoadResult): { config: Config; warnings: readonly string[] } {
  assert.equal(result.kind, 'config', 'message' in result ? result.message : undefined)
  return result
}

export function printed(result: LoadResult): string {
  assert.equal(result.kind, 'print', 'message' in result ? result.message : undefined)
  return result.text
}

export function refused(result: LoadResult): string {
  assert.equal(result.kind, 'error')
  return result.message
}
