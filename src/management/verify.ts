import pLimit from 'p-limit'
import type { Driver, Facts, ImageEntry } from '../../drivers/driver.ts'
import { type Digests, openDigests } from '../cache/digest.ts'
import type { Declared } from '../cache/digest-name.ts'
import type { CacheEvents, VerifyOutcome } from '../cache/events.ts'
import type { Committed, Files } from '../cache/files.ts'
import { factsMatch } from '../cache/hit.ts'
import { digestOf } from './digest-of.ts'
import { askStore, expectationOf, type StoreTools } from './expectation.ts'
import type { Verified } from './management.ts'
import type { Pace } from './pace.ts'
import { proveByFill, type RepairTools, repair } from './repair.ts'
import { VerifyJob } from './verify-job.ts'

export type VerifyTools = StoreTools &
  RepairTools &
  Readonly<{
    files: Files
    driver: Driver
    events: CacheEvents
  }>

export type ScrubOptions = Readonly<{
  pace: Pace
  /** Whether an image is to be fetched again when its bytes have proved wrong. */
  isMissed(entry: ImageEntry): boolean
  /** Ends it at once; the file stays as it is. */
  signal: AbortSignal
}>

/** What reading the file came to. */
type Finding =
  | Readonly<{ kind: 'settled'; outcome: VerifyOutcome; detail: string | undefined }>
  /** It has been set aside. */
  | Readonly<{ kind: 'bad'; detail: string; entry: ImageEntry }>
  /** To be proven on its way to a client, or for want of an entry: as any image that is asked for. */
  | Readonly<{ kind: 'left-to-fill' }>
  | Readonly<{ kind: 'stopped' }>
  /** It is not cached any more. */
  | Readonly<{ kind: 'absent' }>

/** Operators' verifications that run at the same time. */
const together = 4
const threads = 2

/**
 * Reads committed images where they lie and compares them with what the store declares now. Reading counts as no hit
 * and disturbs no reader; a file without facts (Glance's) gets some and keeps its hits and times.
 *
 * A file whose bytes are wrong goes to `invalid/`. Whoever is reading it through this process is cut off, so that no
 * download of it looks complete; readers in other processes get the file to its end.
 */
export class Verifier implements AsyncDisposable {
  readonly #tools: VerifyTools
  readonly #digests: Digests = openDigests(threads)
  readonly #jobs = new Map<string, { job: VerifyJob; result: Promise<Verified | undefined> }>()
  readonly #limit = pLimit(together)
  #isEnding = false

  constructor(tools: VerifyTools) {
    this.#tools = tools
  }

  /**
   * For an operator, who waits: as fast as it goes, and repaired by fetching it anew. Undefined when it is not cached.
   * Rejects when our own disk or metadata fails.
   */
  async verify(id: string): Promise<Verified | undefined> {
    const running = this.#jobs.get(id)
    if (running !== undefined) {
      running.job.hurry()
      return running.result
    }
    return this.#limit(() => this.#start(id, new VerifyJob(undefined), () => true))
  }

  /**
   * In the background. That the store denies the image to the cache's own user (404) removes nothing here, unlike when
   * an operator asks: it looks the same as an image that this user may not see.
   */
  async scrub(id: string, { pace, isMissed, signal }: ScrubOptions): Promise<Verified | undefined> {
    const job = new VerifyJob(pace)
    const end = () => (this.#jobs.get(id)?.job ?? job).end()
    signal.addEventListener('abort', end, { once: true })
    try {
      return await this.#start(id, job, isMissed)
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  /** Ends what is under way; files stay as they are. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true
    const running = [...this.#jobs.values()]
    for (const { job } of running) job.end()
    await Promise.allSettled(running.map(({ result }) => result))
    await this.#digests[Symbol.asyncDispose]()
  }

  #start(id: string, job: VerifyJob, isMissed: ScrubOptions['isMissed']): Promise<Verified | undefined> {
    const running = this.#jobs.get(id)
    if (running !== undefined) {
      if (job.asked) running.job.hurry()
      return running.result
    }
    const result = this.#run(id, job, isMissed).finally(() => this.#jobs.delete(id))
    this.#jobs.set(id, { job, result })
    return result
  }

  async #run(id: string, job: VerifyJob, isMissed: ScrubOptions['isMissed']): Promise<Verified | undefined> {
    const startedAt = Date.now()
    if (this.#isEnding) return ended(id)
    const finding = await this.#open(id, job)
    if (finding.kind === 'absent') return undefined
    if (finding.kind === 'stopped') return ended(id)
    const { outcome, detail } = await this.#settle(id, job, finding, isMissed)
    this.#tools.events.verified(id, { outcome, detail, ms: Date.now() - startedAt })
    return { id, outcome, detail }
  }

  async #open(id: string, job: VerifyJob): Promise<Finding> {
    const { files, cache } = this.#tools
    const committed = await files.openCommitted(id)
    if (committed === undefined) return { kind: 'absent' }
    const done = cache.checking(id, () => job.giveWay())
    try {
      return await this.#look(id, job, committed)
    } finally {
      await committed.handle.close()
      done()
      job.closed()
    }
  }

  async #look(id: string, job: VerifyJob, committed: Committed): Promise<Finding> {
    const { driver, cache } = this.#tools
    const entry = await driver.get(id)
    if (entry === undefined) return { kind: 'left-to-fill' }
    const facts = factsMatch(entry.facts, committed) ? entry.facts : undefined
    const word = await Promise.race([job.stopped, askStore(this.#tools, id, job.signal)])
    if (word === undefined) return haltOf(job)
    const denied = { kind: 'silent', why: "the store answers 404 to the cache's own credentials" } as const
    const size = committed.stats.size
    const expected = expectationOf(size, facts, word.kind === 'absent' && !job.asked ? denied : word)
    switch (expected.kind) {
      case 'prove': {
        const found = await digestOf(this.#digests, job, committed, expected.proof.algorithm)
        if (found.kind === 'stopped') return haltOf(job)
        if (found.kind === 'gone') return { kind: 'absent' }
        if (found.kind === 'unreadable') return this.#condemn(id, committed, entry, found.why)
        if (found.hex === expected.proof.value) return this.#proven(id, committed, entry, facts, expected.declared)
        const why = `the bytes have digest ${found.hex}, declared is ${expected.proof.value}`
        return this.#condemn(id, committed, entry, why)
      }
      case 'wrong':
        return this.#condemn(id, committed, entry, expected.why)
      case 'outdated':
        await cache.outdated(id)
        break
      case 'gone':
        await cache.space.evict(id, 'gone-upstream', true)
        break
      case 'undeclared':
      case 'unknown':
        break
      default:
        expected satisfies never
    }
    return { kind: 'settled', outcome: expected.kind, detail: expected.why }
  }

  /** Keeps what was found out, unless the image is another one by now. */
  async #proven(
    id: string,
    { handle, stats }: Committed,
    entry: ImageEntry,
    facts: Facts | undefined,
    declared: Declared,
  ): Promise<Finding> {
    const now = await handle.stat()
    if (now.nlink === 0) return { kind: 'absent' }
    if (now.size !== stats.size || Math.floor(now.mtimeMs / 1000) !== Math.floor(stats.mtimeMs / 1000)) {
      return { kind: 'settled', outcome: 'unknown', detail: 'the file was written meanwhile' }
    }
    // A fraction, as Glance's files have, cannot be put back exactly when a hit sets the access time.
    const modifiedAt = Math.floor(now.mtimeMs / 1000) * 1000
    if (now.mtimeMs !== modifiedAt) await handle.utimes(now.atimeMs / 1000, modifiedAt / 1000)
    const established = facts ?? { ...declared, inode: now.ino, size: now.size, modifiedAt }
    const { driver } = this.#tools
    const isKept = await driver.replaceFacts(id, entry.facts, { ...established, verifiedAt: Date.now() })
    // Another process may have verified it at the same time.
    const isProven = isKept || factsMatch((await driver.get(id))?.facts, { stats: await handle.stat() })
    return isProven ? { kind: 'settled', outcome: 'intact', detail: undefined } : { kind: 'absent' }
  }

  async #condemn(id: string, committed: Committed, entry: ImageEntry, detail: string): Promise<Finding> {
    if (await this.#tools.cache.condemn(id, committed)) return { kind: 'bad', detail, entry }
    return { kind: 'settled', outcome: 'unknown', detail: `${detail}; but it is being replaced already` }
  }

  async #settle(
    id: string,
    job: VerifyJob,
    finding: Exclude<Finding, { kind: 'absent' | 'stopped' }>,
    isMissed: ScrubOptions['isMissed'],
  ): Promise<Pick<Verified, 'outcome' | 'detail'>> {
    if (finding.kind === 'settled') return finding
    if (finding.kind === 'left-to-fill') return proveByFill(this.#tools, id, job.ending)
    const isWanted = job.asked || isMissed(finding.entry)
    if (isWanted) return repair(this.#tools, id, finding.detail, job.ending)
    return { outcome: 'damaged', detail: `${finding.detail}; it is fetched again when it is asked for` }
  }
}

const ended = (id: string): Verified => ({ id, outcome: 'unknown', detail: 'the cache is ending' })

const haltOf = (job: VerifyJob): Finding => ({ kind: job.stop === 'ending' ? 'stopped' : 'left-to-fill' })
