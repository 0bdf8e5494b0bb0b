import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** The programs as they are installed: they start in half the time that they take from their source. */
export type Build = Readonly<{ program(name: string): string; compileCache: string }>

let dir: string | undefined
after(() => {
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true })
})

/** Compiles the tree, once in a test file, into a directory that goes with it. */
export function build(): Build {
  dir ??= compiled()
  const at = dir
  return { program: (name) => join(at, 'dist/src', name), compileCache: join(at, 'compiled') }
}

function compiled(): string {
  const made = mkdtempSync(join(tmpdir(), 'afterimage-build-'))
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const args = [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', join(made, 'dist')]
  const ran = spawnSync(process.execPath, args, { encoding: 'utf8' })
  assert(existsSync(join(made, 'dist/src/api.js')), `the tree can be compiled: ${ran.stdout}`)
  cpSync(join(root, 'package.json'), join(made, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(made, 'node_modules'))
  return made
}
