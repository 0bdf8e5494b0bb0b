import { join } from 'node:path'
import type { ContentFacts } from './content-facts.ts'
import { type Digester, openDigester } from './digester.ts'
import { type FileStamp, sameStamp } from './file-stamp.ts'
import { quoted, type Scan, type ScannedFile } from './scan.ts'
import { keepFacts, sidecarSuffix } from './sidecar-file.ts'
import { storedImage } from './stored-image.ts'
import { systemCode } from './system-code.ts'

export type DigestJobsOptions = Readonly<{
  dir: string
  settleMs: number
  digestConcurrency: number
  onWarning: (message: string) => void
}>

/** A file that could not be read is tried again after this long. */
const retryMs = 30_000

/** Which files are being digested, and what came of those that were. */
export class DigestJobs implements AsyncDisposable {
  readonly #options: DigestJobsOptions
  readonly #digester: Digester
  readonly #jobs = new Map<string, Promise<void>>()
  /** By file name, for files whose sidecar cannot be written or has not been read since. */
  readonly #facts = new Map<string, ContentFacts>()
  readonly #failures = new Map<string, { stamp: FileStamp; at: number }>()
  /** Reasons why sidecars could not be written, each told once. */
  readonly #unwritable = new Set<string>()
  #closed = false

  constructor(options: DigestJobsOptions) {
    this.#options = options
    this.#digester = openDigester(options.digestConcurrency)
  }

  /** What is known of a file's content; it may be of an older one. */
  facts(fileName: string): ContentFacts | undefined {
    return this.#facts.get(fileName)
  }

  /** Settles when the file has been digested, whatever came of it; undefined when nobody is about to. */
  of(file: ScannedFile): Promise<void> | undefined {
    return this.#jobs.get(file.fileName)
  }

  /** Digests every file that needs it and is quiet; forgets those that have gone. */
  start(scan: Scan): void {
    for (const known of [this.#facts, this.#failures]) {
      for (const name of known.keys()) if (!scan.byFileName.has(name)) known.delete(name)
    }
    for (const file of scan.byId.values()) {
      if (this.#wanted(file) && this.#isQuiet(file)) this.#jobs.set(file.fileName, this.#run(file))
    }
  }

  /** Whether there are files that are not digested yet, and may be changing still. */
  isPending(scan: Scan): boolean {
    return scan.byId.values().some((file) => this.#jobs.has(file.fileName) || this.#wanted(file))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#digester[Symbol.asyncDispose]()
    await Promise.all(this.#jobs.values())
  }

  #wanted(file: ScannedFile): boolean {
    if (this.#jobs.has(file.fileName) || storedImage(file, this.facts(file.fileName)).facts !== undefined) return false
    const failure = this.#failures.get(file.fileName)
    return (
      failure === undefined ||
      !sameStamp(failure.stamp, file.stamp) ||
      (this.#isQuiet(file) && performance.now() - failure.at > retryMs)
    )
  }

  /**
   * By its own time, or by ours where that cannot be compared (a file server's clock may be ahead). So later writes get
   * another modification time than the one that the digests are kept with, even where times are whole seconds.
   */
  #isQuiet({ stamp, since }: ScannedFile): boolean {
    const { settleMs } = this.#options
    return Date.now() - stamp.modifiedAt >= settleMs || performance.now() - since >= settleMs
  }

  async #run(file: ScannedFile): Promise<void> {
    const { fileName, path, stamp } = file
    try {
      const facts = await this.#digester.digest({ path, fileName, stamp })
      if (facts === undefined) return
      this.#failures.delete(fileName)
      this.#facts.set(fileName, facts)
      await this.#keep(file, facts)
    } catch (error) {
      if (this.#closed) return
      this.#failures.set(fileName, { stamp, at: performance.now() })
      this.#options.onWarning(`${quoted(fileName)} is not served: it cannot be read (${String(error)})`)
    } finally {
      this.#jobs.delete(fileName)
    }
  }

  async #keep({ fileName, id }: ScannedFile, facts: ContentFacts): Promise<void> {
    const { dir, onWarning } = this.#options
    try {
      await keepFacts(join(dir, fileName + sidecarSuffix), id, facts)
    } catch (error) {
      const code = systemCode(error) ?? String(error)
      if (this.#unwritable.has(code)) return
      this.#unwritable.add(code)
      onWarning(
        `sizes and digests are kept in memory only, and worked out again at the next start: ` +
          `${quoted(fileName + sidecarSuffix)} cannot be written in ${dir} (${String(error)})`,
      )
    }
  }
}
