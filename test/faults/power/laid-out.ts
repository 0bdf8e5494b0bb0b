import { randomUUID } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { link, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { listAttributesSync, removeAttributeSync, setAttributeSync } from 'fs-xattr'
import { bootId } from '../../../src/cache/fill-record.ts'
import type { Disk, FileOnDisk } from './disk-after.ts'
import type { Inode } from './recording.ts'

/**
 * The very files of the recording, kept by a name of their own: facts are about an inode number, and a copy would have
 * another one.
 */
export type Originals = ReadonlyMap<Inode, string>

/** Lays out in `dir`, which is on the file system of the originals, what the disk held, as the next boot finds it. */
export async function layOut(disk: Disk, originals: Originals, dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true })
  await mkdir(dir)
  for (const path of disk.directories) await mkdir(join(dir, path))
  const laid = new Map<Inode, string>()
  for (const [name, file] of disk.files) {
    const path = join(dir, name)
    const known = laid.get(file.inode)
    if (known !== undefined) await link(known, path)
    else await laidFile(file, originals.get(file.inode), path)
    laid.set(file.inode, path)
    if (name.startsWith('.afterimage/fills/')) await inAnotherBoot(path)
  }
}

async function laidFile(file: FileOnDisk, original: string | undefined, path: string): Promise<void> {
  if (original === undefined) await writeFile(path, '', { mode: 0o640 })
  else await link(original, path)
  const handle = await open(path, 'r+')
  try {
    await handle.truncate(0)
    await written(handle, file)
    for (const name of listAttributesSync(path)) removeAttributeSync(path, name)
    for (const [name, value] of file.attributes) setAttributeSync(path, name, value)
    // Times that did not come to the disk are any others.
    const { accessed, modified } = file.times ?? { accessed: 1_000_000_000, modified: 1_000_000_000 }
    await handle.utimes(accessed, modified)
  } finally {
    await handle.close()
  }
}

async function written(handle: FileHandle, { blocks, size }: FileOnDisk): Promise<void> {
  await handle.truncate(size)
  let run: Buffer[] = []
  let [start, end] = [0, 0]
  const flush = async () => {
    if (run.length > 0) await handle.write(Buffer.concat(run), 0, end - start, start)
    run = []
  }
  for (const [at, bytes] of [...blocks].sort(([a], [b]) => a - b)) {
    if (at !== end) await flush()
    if (run.length === 0) start = at
    run.push(bytes)
    end = at + bytes.length
  }
  await flush()
}

const otherBoot = randomUUID()

/** The record was written in this boot of the machine; a power cut ends it. */
async function inAnotherBoot(path: string): Promise<void> {
  const text = await readFile(path, 'latin1')
  await writeFile(path, text.replaceAll(bootId, otherBoot), 'latin1')
}
