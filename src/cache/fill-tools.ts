import type { Driver } from '../../drivers/driver.ts'
import type { Caller, Download, ImageRecord, Origin } from '../origin/origin.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { Digests } from './digest.ts'
import type { Kept } from './doubts.ts'
import type { CacheEvents } from './events.ts'
import type { FileReader } from './file-reader.ts'
import type { Files, Owned } from './files.ts'
import type { FillRecordWriter } from './fill-record.ts'
import type { Layout } from './layout.ts'
import type { Space } from './space.ts'

/** The parts of the cache that every fill works with. */
export type FillTools = Readonly<{
  layout: Layout
  files: Files
  driver: Driver
  origin: Origin
  space: Space
  digests: Digests
  pool: BufferPool
  fileReader: FileReader
  events: CacheEvents
  holdBack: boolean
  /** The cache's own credentials, for going on when a caller's token no longer serves. */
  ownCaller(): Promise<Caller | undefined>
}>

export type FillStart = Readonly<{
  record: ImageRecord & { size: number }
  owned: Owned
  fillRecord: FillRecordWriter
  /** Bytes of `incomplete/<id>` that count; their digest is computed anew. */
  startAt: number
  /** Undefined when nothing is missing but the proof. */
  download: Download | undefined
  /** Whose request began it; undefined for one of our own. */
  caller: Caller | undefined
  kept?: Kept | undefined
}>
