import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'

/** The version in package.json, which lies above both src/ and dist/. */
export function programVersion(): string {
  const file = findPackageJSON(import.meta.url)
  if (file === undefined) throw new Error('package.json is missing: the program is not installed completely')
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'))
  const version = manifest instanceof Object && 'version' in manifest ? manifest.version : undefined
  if (typeof version !== 'string') throw new Error(`${file} names no version`)
  return version
}
