import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import type { FileStamp } from './file-stamp.ts'
import { sameStamp } from './file-stamp.ts'
import { uuidOfFileName } from './image-uuid.ts'
import { locate } from './locate.ts'
import { absentSidecar, type KeptSidecar, openSidecar, sidecarSuffix } from './sidecar-file.ts'

/** One image file as the last scan saw it. */
export type ScannedFile = Readonly<{
  fileName: string
  id: string
  /** Where the bytes are: the file itself, or what a link leads to. */
  path: string
  stamp: FileStamp
  /** When this content was first seen, in milliseconds of `performance.now()`. */
  since: number
  kept: KeptSidecar
}>

export type Scan = Readonly<{
  byFileName: ReadonlyMap<string, ScannedFile>
  /** In the order of the file names; of two files with one id the first by name. */
  byId: ReadonlyMap<string, ScannedFile>
  /** What an operator should put right, one sentence each, naming the file. */
  complaints: readonly string[]
}>

export const nothingScanned: Scan = { byFileName: new Map(), byId: new Map(), complaints: [] }

/** File operations at once: few, because downloads wait in the same queue of the same few threads. */
const concurrency = 4

/** Looks at every file of the directory; reads only the sidecars that changed. Rejects where it cannot be listed. */
export async function scanDirectory(dir: string, previous: Scan): Promise<Scan> {
  const entries = await readdir(dir, { withFileTypes: true })
  const names = new Set(entries.map((entry) => entry.name))
  const complaints: string[] = []

  const look = async (entry: Dirent): Promise<ScannedFile | undefined> => {
    const found = await locate(dir, entry)
    if (found === undefined) return undefined
    if ('complaint' in found) {
      complaints.push(`${quoted(entry.name)} is not served: ${found.complaint}`)
      return undefined
    }
    const before = previous.byFileName.get(entry.name)
    const sidecarName = entry.name + sidecarSuffix
    const kept = names.has(sidecarName)
      ? await openSidecar(join(dir, sidecarName), before?.kept ?? absentSidecar)
      : absentSidecar
    complaints.push(...kept.sidecar.complaints.map((complaint) => `${quoted(sidecarName)}: ${complaint}`))
    return {
      ...found,
      fileName: entry.name,
      id: kept.sidecar.id ?? uuidOfFileName(entry.name),
      since: before !== undefined && sameStamp(before.stamp, found.stamp) ? before.since : performance.now(),
      kept,
    }
  }

  const looked = await pLimit(concurrency).map(entries.filter(mayBeImage), look)
  const files = looked.filter((file) => file !== undefined).sort((a, b) => (a.fileName < b.fileName ? -1 : 1))
  const byId = new Map<string, ScannedFile>()
  for (const file of files) {
    const first = byId.get(file.id)
    if (first === undefined) byId.set(file.id, file)
    else complaints.push(`${quoted(file.fileName)} is not served: ${quoted(first.fileName)} has its id ${file.id} too`)
  }
  return { byFileName: new Map(files.map((file) => [file.fileName, file])), byId, complaints }
}

/** Dotfiles are hidden, as ever; the suffixes are those of files that are still being written. */
function mayBeImage(entry: Dirent): boolean {
  return (entry.isFile() || entry.isSymbolicLink()) && !/^\.|\.(?:json|part|tmp)$/i.test(entry.name)
}

/** A file's name for a message: quoted, so that a newline in it stays in its line. */
export const quoted = (fileName: string): string => JSON.stringify(fileName)
