import { setTimeout as delay } from 'node:timers/promises'
import { type FileHandle, open, readFile, readFileSync, rename, rm } from '../disk/disk.ts'
import type { Kept } from './doubts.ts'
import { isAbsent } from './error-code.ts'
import type { Layout } from './layout.ts'

/** What `incomplete/<id>` is to become. Kept beside it so that other processes can follow it and a restart can resume it. */
export type FillFacts = Readonly<{
  /** The file that this is about. */
  inode: number
  size: number
  md5: string | undefined
  hashAlgo: string | undefined
  hashValue: string | undefined
  updatedAt: string | undefined
  /** Bytes that are left over from an earlier life: unproven, while everything after them came from the upstream now. */
  startAt: number
  /** What the image keeps that was cached before: it must not be lost with this process. */
  kept?: Kept
}>

/** How far the writer is. Never deduced from the file's size, which says nothing once files are sparse or preallocated. */
export type Progress = Readonly<{
  /** Bytes that are in the file for every process of this boot. */
  watermark: number
  /** Bytes that were also forced to the disk: what is left of them after a power loss. */
  synced: number
  bootId: string
}>

export type FillRecord = Readonly<{ facts: FillFacts; progress: Progress }>

export interface FillRecordWriter {
  /** Publishes progress; calls that come while one is being written are merged. */
  publish(watermark: number, synced: number): void
  /** Waits for the last publication; the record stays. */
  close(): Promise<void>
}

/** Progress is published at most this often; the last one always is. */
const publishMs = 50

/** The line of progress has a fixed length and is overwritten in place; the facts follow it. */
const progressBytes = 128

/** Changes with every boot of the machine: tells whether unsynced bytes can still be trusted. */
export const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

const progressLine = ({ watermark, synced, bootId }: Progress) =>
  // The watermark stands at both ends: a torn read is told from a whole one.
  `${`${watermark} ${synced} ${bootId} ${watermark}`.padEnd(progressBytes - 1)}\n`

/** Written whole under a temporary name first: a reader sees the old record, the new one, or none. */
export async function createFillRecord(
  layout: Layout,
  id: string,
  facts: FillFacts,
  startAt: Readonly<{ watermark: number; synced: number }>,
): Promise<FillRecordWriter> {
  const path = layout.fillRecord(id)
  const handle = await open(`${path}.tmp`, 'w', 0o640)
  try {
    await handle.write(`${progressLine({ ...startAt, bootId })}${JSON.stringify(facts)}\n`)
    await rename(`${path}.tmp`, path)
  } catch (error) {
    await handle.close()
    await rm(`${path}.tmp`, { force: true })
    throw error
  }
  return recordWriter(handle)
}

function recordWriter(handle: FileHandle): FillRecordWriter {
  let next: Progress | undefined
  let writing: Promise<void> | undefined
  const closing = new AbortController()
  async function write(): Promise<void> {
    while (next !== undefined) {
      const line = progressLine(next)
      next = undefined
      // Progress that cannot be written only makes followers wait and a resumed fill start earlier.
      await handle.write(line, 0).catch(() => {})
      await delay(publishMs, undefined, { signal: closing.signal, ref: false }).catch(() => {}) // closing ends the pause
    }
    writing = undefined
  }
  return {
    publish(watermark, synced) {
      next = { watermark, synced, bootId }
      writing ??= write()
    },
    async close() {
      closing.abort()
      await writing
      await handle.close()
    },
  }
}

/** undefined when there is none, or what is there is no record of ours (then nothing can be resumed by it). */
export async function readFillRecord(layout: Layout, id: string): Promise<FillRecord | undefined> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const text = await readFile(layout.fillRecord(id), 'utf8').catch((error: unknown) => {
      if (isAbsent(error)) return undefined
      throw error
    })
    if (text === undefined) return undefined
    const progress = parseProgress(text.slice(0, progressBytes))
    const facts = parseFacts(text.slice(progressBytes))
    if (progress !== undefined && facts !== undefined) return { facts, progress }
  }
  return undefined
}

/** Where a fill may go on: at the file's end after a mere restart, at what was forced to disk after a reboot. */
export function resumableAt(record: FillRecord, file: Readonly<{ inode: number; size: number }>): number {
  if (record.facts.inode !== file.inode) return 0
  const trusted = record.progress.bootId === bootId ? file.size : Math.min(record.progress.synced, file.size)
  return Math.min(trusted, record.facts.size)
}

export const removeFillRecord = (layout: Layout, id: string): Promise<void> =>
  rm(layout.fillRecord(id), { force: true })

function parseProgress(line: string): Progress | undefined {
  const match = /^(\d{1,16}) (\d{1,16}) ([0-9a-f-]{1,64}) (\d{1,16}) *\n$/.exec(line)
  if (match === null || match[1] !== match[4] || match[3] === undefined) return undefined
  return { watermark: Number(match[1]), synced: Number(match[2]), bootId: match[3] }
}

function parseFacts(text: string): FillFacts | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Half written by a crash: no record.
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const field = (name: string): unknown => Object.entries(value).find(([key]) => key === name)?.[1]
  const optionalText = (name: string) => {
    const found = field(name)
    return typeof found === 'string' ? found : undefined
  }
  const [inode, size, startAt] = [field('inode'), field('size'), field('startAt')]
  if (typeof inode !== 'number' || typeof size !== 'number' || !Number.isSafeInteger(size) || size <= 0)
    return undefined
  return {
    inode,
    size,
    md5: optionalText('md5'),
    hashAlgo: optionalText('hashAlgo'),
    hashValue: optionalText('hashValue'),
    updatedAt: optionalText('updatedAt'),
    startAt: typeof startAt === 'number' && startAt >= 0 && startAt <= size ? startAt : size,
    ...keptIn(field('kept')),
  }
}

function keptIn(value: unknown): Pick<FillFacts, 'kept'> {
  if (typeof value !== 'object' || value === null) return {}
  const fields = new Map<string, unknown>(Object.entries(value))
  const [hits, accessedAt] = [fields.get('hits'), fields.get('accessedAt')]
  if (typeof hits !== 'number' || typeof accessedAt !== 'number') return {}
  return { kept: { hits, accessedAt, pinned: fields.get('pinned') === true } }
}
