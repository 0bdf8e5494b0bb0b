import { randomUUID } from 'node:crypto'
import { lstat, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type ContentFacts, factsToJson } from './content-facts.ts'
import { type FileStamp, sameStamp, stampOf } from './file-stamp.ts'
import { type JsonObject, parseJsonObject } from './json-value.ts'
import { factsMember, noSidecar, readSidecar, type Sidecar } from './sidecar.ts'
import { isAbsent } from './system-code.ts'

/** What an image's file name gets to name its sidecar. */
export const sidecarSuffix = '.json'

/** More than any record needs; whatever is larger was not meant for us. */
const maxBytes = 1 << 20

/** A sidecar as it was read; `stamp` is undefined where there is none. */
export type KeptSidecar = Readonly<{ stamp: FileStamp | undefined; sidecar: Sidecar }>

export const absentSidecar: KeptSidecar = { stamp: undefined, sidecar: noSidecar }

/** The sidecar at `path`; `known` is given back when the file has not changed since. Never rejects: it complains. */
export async function openSidecar(path: string, known: KeptSidecar): Promise<KeptSidecar> {
  let stamp: FileStamp | undefined
  try {
    const stats = await lstat(path)
    stamp = stampOf(stats)
    if (sameStamp(stamp, known.stamp)) return known
    if (!stats.isFile()) return { stamp, sidecar: ignored('is no regular file') }
    if (stats.size > maxBytes) return { stamp, sidecar: ignored('is larger than 1 MiB') }
    const json = parseJsonObject(await readFile(path, 'utf8'))
    return { stamp, sidecar: json === undefined ? ignored('is not a JSON object') : readSidecar(json) }
  } catch (error) {
    if (isAbsent(error)) return absentSidecar
    return { stamp, sidecar: ignored(`cannot be read (${String(error)})`) }
  }
}

const ignored = (why: string): Sidecar => ({ ...noSidecar, complaints: [`${why} and is ignored`] })

/**
 * Keeps the facts in the sidecar, and the image's id where it has none yet; everything else in it stays. A sidecar that
 * cannot be understood is left alone. Rejects with the system's error where the directory cannot be written.
 */
export async function keepFacts(path: string, id: string, facts: ContentFacts): Promise<void> {
  // Read anew: an operator may have edited it since the scan.
  const old = await currentJson(path)
  if (old === undefined) return
  const json = { ...(old.json.id === undefined ? { id } : {}), ...old.json, [factsMember]: factsToJson(facts) }
  const temporary = join(dirname(path), `.${randomUUID()}.tmp`)
  try {
    // Flushed before the rename: a crash must not leave an empty file where an operator's words were.
    await writeFile(temporary, `${JSON.stringify(json, undefined, 2)}\n`, { flag: 'wx', mode: old.mode, flush: true })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

async function currentJson(path: string): Promise<{ json: JsonObject; mode: number } | undefined> {
  try {
    const stats = await lstat(path)
    if (!stats.isFile() || stats.size > maxBytes) return undefined
    const json = parseJsonObject(await readFile(path, 'utf8'))
    return json === undefined ? undefined : { json, mode: stats.mode & 0o777 }
  } catch (error) {
    if (isAbsent(error)) return { json: {}, mode: 0o644 }
    throw error
  }
}
