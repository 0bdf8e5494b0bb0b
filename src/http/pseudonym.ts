import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from '../disk/disk.ts'

const pattern = /^afterimage-[0-9a-f]{12}$/

/**
 * Our name in Via fields: made once per installation and kept, so that several caches in a row are told apart and only
 * a request that really comes back to the same cache is a loop.
 */
export async function readPseudonym(path: string): Promise<string> {
  const kept = await readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => '',
  )
  if (pattern.test(kept)) return kept
  const made = `afterimage-${randomBytes(6).toString('hex')}`
  await writeFile(`${path}.tmp`, `${made}\n`, { mode: 0o640 })
  await rename(`${path}.tmp`, path)
  return made
}
