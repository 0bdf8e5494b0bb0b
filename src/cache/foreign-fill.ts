import type { Caller, ImageRecord } from '../origin/origin.ts'
import { abortable } from './abortable.ts'
import type { FileReader } from './file-reader.ts'
import type { Files } from './files.ts'
import { type FillFacts, readFillRecord } from './fill-record.ts'
import type { Following } from './following.ts'
import { ForeignProgress } from './foreign-progress.ts'
import { heldBackBytes } from './growing-file.ts'
import type { Layout } from './layout.ts'
import type { ImageReader, Lease } from './reader.ts'
import { ReadFailed } from './reader.ts'
import { type SharedFile, shareFile, spanOf } from './shared-file.ts'

export type ForeignTools = Readonly<{
  layout: Layout
  files: Files
  fileReader: FileReader
  holdBack: boolean
  /** Without progress for this long its readers go upstream by themselves (ms). */
  idleMs: number
}>

/** Follows an image that another process is filling, instead of downloading it again; any number of readers at once. */
export class ForeignFill implements Following {
  readonly record: ImageRecord & { size: number }
  readonly proven = false
  /** Resolves when it has ended, or nobody here follows it any more. Never rejects. */
  readonly done: Promise<void>
  readonly #tools: ForeignTools
  readonly #facts: FillFacts
  readonly #file: SharedFile
  readonly #progress: ForeignProgress
  #users = 0
  #wasUsed = false
  #isWatched = true
  #isHeld = true

  constructor(
    tools: ForeignTools,
    id: string,
    record: ImageRecord & { size: number },
    { file, facts, watermark }: Readonly<{ file: SharedFile; facts: FillFacts; watermark: number }>,
  ) {
    const { layout, files, idleMs } = tools
    this.record = record
    this.#tools = tools
    this.#facts = facts
    this.#file = file
    const { inode, startAt } = facts
    this.#progress = new ForeignProgress({ layout, files, id, fd: file.fd, inode, watermark, startAt, idleMs })
    this.done = this.#progress.done.then(() => {
      this.#isWatched = false
      this.#letGo()
    })
  }

  get received(): number {
    return this.#progress.watermark
  }

  get ended(): boolean {
    return this.#progress.isOver
  }

  /** Whoever was given it first calls this, or `committed`, in any case: until then its file stays open. */
  open(end: number, _caller: Caller): ImageReader {
    this.#use()
    return foreignReader({ ...this.#tools, file: this.#file, facts: this.#facts, progress: this.#progress }, end, () =>
      this.#unuse(),
    )
  }

  /**
   * Resolves with true when the image has been committed, with false when its process is gone or gave it up. Rejects
   * when there was no progress for `idleMs`, and when the signal is aborted.
   */
  async committed(signal: AbortSignal): Promise<boolean> {
    this.#use()
    try {
      const end = await abortable(this.#progress.done, signal)
      if (end === 'stalled') {
        throw new Error(`another process fills the image, and made no progress for ${this.#tools.idleMs} ms`)
      }
      return end === 'committed'
    } finally {
      this.#unuse()
    }
  }

  /** Readers that are open go on with what is there; nobody looks for more. */
  stop(): void {
    this.#progress.leave()
  }

  #use(): void {
    this.#file.hold()
    this.#users++
    this.#wasUsed = true
    this.#letGo()
  }

  #unuse(): void {
    this.#users--
    this.#file.drop()
    // Those who wait in a reader that was closed.
    this.#progress.wake()
    if (this.#users === 0) this.#progress.leave()
  }

  /** Held until nobody looks at it any more, and until whoever is about to open it has done so. */
  #letGo(): void {
    if (this.#isWatched || !this.#wasUsed || !this.#isHeld) return
    this.#isHeld = false
    this.#file.drop()
  }
}

/**
 * undefined when no other process is filling the image (any more), or what is being filled is not the image that
 * `record` describes.
 */
export async function followForeign(
  tools: ForeignTools,
  id: string,
  record: ImageRecord & { size: number },
): Promise<ForeignFill | undefined> {
  const handle = await tools.files.openIncomplete(id)
  if (handle === undefined) return undefined
  const [{ ino }, filling] = await Promise.all([handle.stat(), readFillRecord(tools.layout, id)]).catch(
    async (error: unknown) => {
      await handle.close()
      throw error
    },
  )
  const facts = filling?.facts
  const same =
    facts?.inode === ino &&
    facts.size === record.size &&
    facts.hashValue === record.hashValue &&
    facts.md5 === record.md5 &&
    facts.updatedAt === record.updatedAt
  if (!same) {
    await handle.close()
    return undefined
  }
  const watermark = filling?.progress.watermark ?? 0
  return new ForeignFill(tools, id, record, { file: shareFile(handle), facts, watermark })
}

type ReaderTools = Pick<ForeignTools, 'fileReader' | 'holdBack' | 'idleMs'> &
  Readonly<{ file: SharedFile; facts: FillFacts; progress: ForeignProgress }>

function foreignReader(tools: ReaderTools, end: number, onClose: () => void): ImageReader {
  const { file, facts, progress } = tools
  let open = true

  /** Bytes from an earlier life can only be proven by the fill itself: without it nobody may complete them. */
  const lost = () => (progress.end === 'wrong' || progress.startAt > 0 ? 'wrong' : 'cache')

  /** What may be given out now (exclusive). Only a file that *is* `<id>` has been proven: then all of it. */
  function limit(): number {
    if (progress.end === 'committed') return end
    return Math.min(progress.watermark, tools.holdBack ? end - heldBackBytes : end)
  }

  async function wait(position: number): Promise<void> {
    for (;;) {
      if (!open) throw new ReadFailed('closed', 'the reader is closed')
      if (position < limit()) return
      if (progress.end === 'stalled') {
        throw new ReadFailed(lost(), `no progress of the filling process for ${tools.idleMs} ms`)
      }
      if (progress.end === 'wrong')
        throw new ReadFailed('wrong', 'the image proved wrong in the process that filled it')
      if (progress.end !== undefined) throw new ReadFailed(lost(), 'the process that filled the image is gone')
      await progress.changed()
    }
  }

  async function read(position: number, max: number): Promise<Lease> {
    if (position >= limit()) await wait(position)
    file.hold()
    try {
      return await tools.fileReader.read(file.fd, position, Math.min(max, limit() - position))
    } catch (cause) {
      throw new ReadFailed(lost(), `cannot read the growing file at ${position}`, { cause })
    } finally {
      file.drop()
    }
  }

  return {
    size: facts.size,
    read,
    span: (position, max) => (open && position < limit() ? spanOf(file, Math.min(position + max, limit())) : undefined),
    close() {
      if (!open) return
      open = false
      onClose()
    },
  }
}
