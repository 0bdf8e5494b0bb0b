import type { Caller, ImageRecord } from '../origin/origin.ts'
import { abortable } from './abortable.ts'
import { commit } from './commit.ts'
import type { DigestJob } from './digest.ts'
import { strongestProof } from './digest-name.ts'
import type { FillOutcome } from './events.ts'
import { removeFillRecord } from './fill-record.ts'
import type { FillStart, FillTools } from './fill-tools.ts'
import type { Following } from './following.ts'
import { GrowingFile } from './growing-file.ts'
import { downgradeLock } from './lock.ts'
import { readFailureOf } from './read-failure.ts'
import type { ImageReader, ReadFailed } from './reader.ts'
import { type Reception, reception } from './receive.ts'
import { type SharedFile, shareFile } from './shared-file.ts'
import { SparseWriter } from './sparse-writer.ts'
import { UpstreamFailed } from './upstream-failed.ts'
import { WriteBehind } from './write-behind.ts'

/** The digest is told of so many bytes at once: a message costs more than looking at it is worth. */
const digestStepBytes = 4 << 20

/** One image on its way into the cache: receives, writes, proves, commits. Nobody's leaving ends it. */
export class Fill implements Following {
  readonly id: string
  readonly record: ImageRecord & { size: number }
  /** Unix ms. */
  readonly startedAt = Date.now()
  /** Bytes that were there already. */
  readonly startAt: number
  /** How it ended; never rejects. */
  readonly done: Promise<FillOutcome>
  readonly #tools: FillTools
  readonly #start: FillStart
  readonly #growing: GrowingFile
  readonly #file: SharedFile
  readonly #behind: WriteBehind
  readonly #reception: Reception
  readonly #abort = new AbortController()
  readonly #readers = new Map<ImageReader, Caller>()
  readonly #onOrphaned: () => void
  #digest: DigestJob | undefined
  #deleted = false
  #ended = false
  #resumes = 0
  #wasOpened = false
  #proven = false
  #writeError: unknown
  #failure: unknown
  #hashable = 0

  constructor(tools: FillTools, start: FillStart, onOrphaned: () => void) {
    this.id = start.owned.id
    this.record = start.record
    this.startAt = start.startAt
    this.#tools = tools
    this.#start = start
    this.#onOrphaned = onOrphaned
    this.#file = shareFile(start.owned.handle)
    const proof = strongestProof(start.record)
    this.#behind = new WriteBehind({
      datasync: () => start.owned.handle.datasync(),
      onSynced: (position) => start.fillRecord.publish(this.#growing.written, position),
      onFailed: (error) => this.#cannotWrite(error),
    })
    const sparse = new SparseWriter(this.#file.fd, start.owned.size)
    this.#growing = new GrowingFile({
      file: this.#file,
      size: start.record.size,
      startAt: start.startAt,
      writer: {
        write: async (bytes, position) => {
          await this.#behind.room(position)
          return sparse.write(bytes, position)
        },
      },
      holdBack: tools.holdBack,
      pool: tools.pool,
      files: tools.fileReader,
      onWritten: (position) => this.#wrote(position),
      onRoom: () => this.#reception.resume(),
      onWriteFailed: (error) => this.#cannotWrite(error),
    })
    this.#reception = reception({
      id: this.id,
      origin: tools.origin,
      record: start.record,
      proven: proof !== undefined,
      growing: this.#growing,
      signal: this.#abort.signal,
      callers: () => this.#callers(),
      onBytes: (bytes) => tools.events.received(bytes),
      onResume: (at, attempt, cause) => {
        this.#resumes++
        tools.events.fillResumed(this.id, { at, attempt, cause })
      },
    })
    if (proof !== undefined) {
      this.#digest = tools.digests.start(this.#file.fd, proof.algorithm)
      this.#digest.advance(start.startAt)
      this.#hashable = start.startAt
    }
    tools.space.hold(this.id, { size: this.record.size, written: () => this.#growing.written })
    tools.events.fillStarted(this.id, { size: this.record.size, resumedAt: start.startAt })
    this.done = this.#run(proof?.value)
  }

  get received(): number {
    return this.#growing.received
  }

  get readers(): number {
    return this.#readers.size
  }

  /** Times that the upstream broke off and it went on. */
  get resumes(): number {
    return this.#resumes
  }

  get proven(): boolean {
    return this.#proven
  }

  /** From the moment on that it is being ended, or has failed; `done` says when everything has been put away. */
  get ended(): boolean {
    return this.#ended || this.#growing.failed
  }

  /** Why it was not committed, once it has ended; undefined when that was nobody's fault. */
  get failure(): unknown {
    return this.#failure
  }

  open(end: number, caller: Caller): ImageReader {
    const reader = this.#growing.reader(end, () => {
      this.#readers.delete(reader)
      if (this.#readers.size === 0) this.#orphaned()
    })
    this.#readers.set(reader, caller)
    this.#wasOpened = true
    return reader
  }

  /** Ends it and leaves what is there to be resumed. */
  async stop(): Promise<void> {
    this.#ended = true
    this.#abort.abort()
    await this.done
  }

  /**
   * The image was deleted upstream: it will not be committed. Its name goes at once; those who are reading it were
   * allowed to and get the rest, as Glance itself would give it to them.
   */
  async forbid(): Promise<void> {
    this.#deleted = true
    this.#ended = true
    // The one who began it may be about to open its reader: it gets the image that it was granted.
    if (this.#readers.size === 0 && this.#wasOpened) this.#abort.abort()
    await this.#tools.files.discard(this.#start.owned)
  }

  #orphaned(): void {
    if (this.#deleted) this.#abort.abort()
    else this.#onOrphaned()
  }

  async #run(expected: string | undefined): Promise<FillOutcome> {
    let outcome: FillOutcome
    try {
      await this.#reception.run(this.#start.download)
      await this.#growing.flushed()
      if (this.#writeError !== undefined) throw this.#writeError
      await this.#prove(expected)
      this.#proven = true
      this.#growing.prove()
      outcome = (await this.#commit()) ? 'committed' : 'deleted'
    } catch (error) {
      this.#failure = this.#writeError ?? error
      outcome = this.#outcomeOf(error)
    }
    const failure = this.#failure
    await this.#finish(outcome, failure)
    this.#tools.events.fillEnded(this.id, {
      outcome,
      received: this.#growing.received - this.#start.startAt,
      ms: Date.now() - this.startedAt,
      ...(failure === undefined ? {} : { error: failure }),
    })
    return outcome
  }

  async #prove(expected: string | undefined): Promise<void> {
    if (this.#digest === undefined || expected === undefined) return
    this.#digest.advance(this.record.size)
    // Of a large image that lay here already there is much to look at: who stops it does not wait for that.
    const found = await abortable(this.#digest.end(), this.#abort.signal)
    if (found !== expected) throw new UpstreamFailed('wrong', `the bytes have digest ${found}, declared is ${expected}`)
  }

  async #commit(): Promise<boolean> {
    if (this.#deleted) return false
    const { layout, files, driver } = this.#tools
    const { owned, kept } = this.#start
    await this.#behind.end()
    const { md5, hashAlgo, hashValue, size } = this.record
    return commit({ layout, files, driver, owned, size, declared: { md5, hashAlgo, hashValue }, kept })
  }

  #outcomeOf(error: unknown): FillOutcome {
    if (this.#writeError !== undefined) return 'cache-failed'
    if (this.#deleted) return 'deleted'
    if (this.#abort.signal.aborted) return 'stopped'
    if (error instanceof UpstreamFailed) return error.fault === 'wrong' ? 'wrong' : 'upstream-failed'
    return 'cache-failed'
  }

  /** Tells the readers, puts the file where it belongs, and lets go of everything. */
  async #finish(outcome: FillOutcome, cause: unknown): Promise<void> {
    const { layout, files, driver, space, events } = this.#tools
    const { owned, fillRecord } = this.#start
    try {
      if (outcome !== 'committed') {
        // What can be gone on with later is put on disk first.
        if (outcome === 'stopped' || outcome === 'upstream-failed') await this.#growing.flushed()
        // What is proven can be read to its end, whatever became of the commit.
        if (!this.#proven) this.#growing.fail(this.#failureFor(outcome, cause))
        // The descriptor is closed below: nothing may still be using it.
        await this.#growing.flushed()
        await this.#digest?.drop()
        await this.#behind.end()
        const isLeft = this.#resumable() && (outcome === 'stopped' || outcome === 'upstream-failed')
        // What proved wrong must not be resumed: where it cannot be set aside it goes.
        if (outcome === 'wrong') await files.invalidate(owned).catch(() => this.#discardWrong())
        else if (!isLeft) await files.discard(owned)
        if (!isLeft) await removeFillRecord(layout, this.id)
        // It was a committed image until it was taken back to be proven.
        if (this.#start.kept !== undefined) await driver.forget(this.id)
      }
      downgradeLock(this.#file.fd)
    } catch (error) {
      events.fault('ending a fill', this.id, error)
    } finally {
      await fillRecord.close().catch((error: unknown) => events.fault('ending a fill', this.id, error))
      space.release(this.id)
      // Readers that are open keep the file; nobody may open it after this.
      this.#ended = true
      this.#file.drop()
    }
  }

  #failureFor(outcome: FillOutcome, cause: unknown): ReadFailed {
    return readFailureOf(outcome, { cause, isResumed: this.#start.startAt > 0 })
  }

  /** Emptied, so that other processes which follow it see what became of it. */
  async #discardWrong(): Promise<void> {
    const { owned } = this.#start
    await owned.handle.truncate(0)
    await this.#tools.files.discard(owned)
  }

  /** Without a declared digest nothing could tell whether what is left over belongs to the same image. */
  #resumable(): boolean {
    return strongestProof(this.record) !== undefined
  }

  async *#callers(): AsyncIterable<Caller> {
    if (this.#start.caller !== undefined) yield this.#start.caller
    const own = await this.#tools.ownCaller().catch((error: unknown) => {
      this.#tools.events.fault("getting the cache's own credentials", this.id, error)
      return undefined
    })
    if (own !== undefined) yield own
    for (const caller of new Set(this.#readers.values())) if (caller !== this.#start.caller) yield caller
  }

  #wrote(position: number): void {
    if (position - this.#hashable >= digestStepBytes) {
      this.#hashable = position
      this.#digest?.advance(position)
    }
    this.#start.fillRecord.publish(position, this.#behind.synced)
    this.#behind.wrote(position)
  }

  #cannotWrite(error: unknown): void {
    this.#writeError ??= error
    this.#growing.fail(this.#failureFor('cache-failed', error))
    this.#abort.abort()
  }
}
