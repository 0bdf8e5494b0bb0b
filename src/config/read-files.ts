import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { getSystemErrorMessage } from 'node:util'
import type { Assignment } from './assignment.ts'
import { ConfigError } from './config-error.ts'
import { parseIni } from './parse-ini.ts'

/** In increasing precedence: the files as given, then each directory's `*.conf` sorted by name. */
export function readConfigFiles(files: readonly string[], dirs: readonly string[], cwd: string): Assignment[] {
  return [...files, ...dirs.flatMap((dir) => listConfigDir(dir, cwd))].flatMap((file) =>
    parseIni(readText(file, cwd), file),
  )
}

/** False only when there certainly is none: a file that cannot be looked at is an error once it is read. */
export function isPresent(file: string): boolean {
  try {
    statSync(file)
    return true
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT')
  }
}

function listConfigDir(dir: string, cwd: string): string[] {
  try {
    // As a shell's *.conf, and so oslo.config: hidden files are left out.
    const names = readdirSync(resolve(cwd, dir)).filter((name) => name.endsWith('.conf') && !name.startsWith('.'))
    return names.sort().map((name) => join(dir, name))
  } catch (error) {
    throw new ConfigError(`cannot read the configuration directory ${dir}: ${reasonOf(error)}`, { cause: error })
  }
}

function readText(file: string, cwd: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(resolve(cwd, file))
  } catch (error) {
    throw new ConfigError(`cannot read the configuration file ${file}: ${reasonOf(error)}`, { cause: error })
  }
  try {
    // A byte order mark at the start is dropped.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new ConfigError(`cannot read the configuration file ${file}: it is not UTF-8 text`, { cause: error })
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return getSystemErrorMessage(error.errno)
  }
  return error instanceof Error ? error.message : String(error)
}
