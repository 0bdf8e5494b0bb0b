import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from './thread-call.ts'
import { factsAttribute, readAttribute, writeAttribute } from './xattr-attributes.ts'
import { mountedOn } from './xattr-mounted-on.ts'
import { accessedAt, modifiedAt, setAccessedAt } from './xattr-times.ts'

const instead = 'use another file system for image_cache_dir, or set image_cache_driver = sqlite'

/**
 * Tries on a file of our own, below `ours`, all that this driver asks of the file system: attributes as long as facts
 * can be, and times that are set and stay. Throws what an operator can do something about.
 */
export async function probe(dir: string, ours: string): Promise<void> {
  const path = join(ours, `xattr-probe-${randomUUID()}`)
  try {
    makeDirectory(ours)
    writeFileSync(path, '')
    probeAttributes(path)
    probeTimes(path)
  } catch (error) {
    if (error instanceof Unsupported) throw new Error(`${await mountedOn(dir)} ${error.message}: ${instead}`)
    if (!notPermitted.has(codeOf(error) ?? '')) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`${message}: the user of this service must be able to write the directory`, { cause: error })
  } finally {
    rmSync(path, { force: true })
  }
}

class Unsupported extends Error {}

const notPermitted: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS'])

/** Not `recursive`: with that, mkdir says ENOENT of a read-only file system. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o750 })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

function probeAttributes(path: string): void {
  const value = 'x'.repeat(512)
  try {
    writeAttribute(path, factsAttribute, value)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOTSUP') throw new Unsupported('has no extended attributes for users (user_xattr)')
    if (code === 'E2BIG' || code === 'ERANGE') throw new Unsupported('has no room for attributes of half a kilobyte')
    throw error
  }
  if (readAttribute(path, factsAttribute) !== value) throw new Unsupported('does not keep extended attributes')
}

/** Some file systems keep whole seconds, or two; Glance counts in seconds as well. FAT keeps the day of an access. */
function probeTimes(path: string): void {
  const at = Date.UTC(2001, 1, 3, 4, 5, 6, 789)
  const modified = Date.UTC(2002, 1, 3, 4, 5, 6)
  setAccessedAt(path, { ...statSync(path), mtimeMs: modified }, at)
  setAccessedAt(path, statSync(path), at)
  const stats = statSync(path)
  if (Math.abs(accessedAt(stats) - at) > 2000) throw new Unsupported('does not keep access times that are set')
  if (modifiedAt(stats) !== modified) throw new Unsupported('does not keep modification times that are set')
}
