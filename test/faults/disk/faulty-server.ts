import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deadline, eventually } from '../../support/deadline.ts'
import type { HostAnswer, HostOrder } from './host.ts'
import type { Target } from './seam/plan.ts'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/**
 * A process whose disk breaks when told to, with the server in it: see host.ts. It is used for one case after another
 * until it has been killed. Its log tells what is over.
 */
export class FaultyServer implements AsyncDisposable {
  readonly #temp = mkdtempSync(join(tmpdir(), 'afterimage-faulty-'))
  #child: ChildProcess | undefined
  #gone: Promise<unknown> = Promise.resolve()
  #answered = Promise.withResolvers<HostAnswer>()
  #log = ''
  #errors = ''
  #exit: string | undefined
  url = ''

  get #operations(): string {
    return join(this.#temp, 'operations')
  }

  /** How the process has ended; undefined while it runs. */
  get exit(): string | undefined {
    return this.#exit
  }

  /** What it said before it died of itself, for a failing test. */
  get errors(): string {
    return this.#errors
  }

  /** Starts a server. Gives why it could not; undefined when it could, or has died of it. */
  async start(argv: readonly string[]): Promise<string | undefined> {
    await this.#live()
    this.#log = ''
    const { url = '', failure } = await this.#ask({ kind: 'start', argv })
    this.url = url
    return failure
  }

  /** From now on operations are written down. */
  async record(): Promise<void> {
    await this.#live()
    writeFileSync(this.#operations, '')
    await this.#ask({ kind: 'record' })
  }

  /** In the order in which they were begun. */
  recorded(): string[] {
    return readFileSync(this.#operations, 'utf8').split('\n').slice(0, -1)
  }

  async arm(target: Target): Promise<void> {
    await this.#live()
    await this.#ask({ kind: 'arm', target })
  }

  /** Nothing breaks any more. Whether something did; also when it was killed by that. */
  async disarm(): Promise<boolean> {
    const { struck } = await this.#ask({ kind: 'disarm' })
    return struck === true || this.#exit !== undefined
  }

  /** Ends the server as SIGTERM does. Gives what went wrong with that. */
  async close(): Promise<string | undefined> {
    const { failure } = await this.#ask({ kind: 'close' })
    // The last line of this server's: what comes after it is the next one's.
    if (failure === undefined) await this.saidAny('ended')
    return failure
  }

  /** Lines of the log, of this server. */
  lines(message: string): Readonly<Record<string, unknown>>[] {
    return this.#log
      .split('\n')
      .slice(0, -1)
      .map((line): Readonly<Record<string, unknown>> => JSON.parse(line))
      .filter(({ msg }) => msg === message)
  }

  /** Until so many downloads have been answered to their end and no fill is under way, or the process has died. */
  settled(downloads: number): Promise<void> {
    const over = () =>
      this.lines('download').length >= downloads &&
      this.lines('fill started').length === this.lines('fill ended').length
    return eventually(() => this.#exit !== undefined || over(), 'downloads and fills have ended')
  }

  /** Until it has said one of these, or the process has died. */
  saidAny(...messages: string[]): Promise<void> {
    const over = () => this.#exit !== undefined || messages.some((message) => this.lines(message).length > 0)
    return eventually(over, `the log says: ${messages.join(' or ')}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child?.kill('SIGKILL')
    await deadline(this.#gone, 'a process with a faulty disk is gone')
    rmSync(this.#temp, { recursive: true, force: true })
  }

  /** A new process when there is none, or it has died. */
  async #live(): Promise<void> {
    if (this.#child !== undefined && this.#exit === undefined) return
    const { PATH = '', NODE_COMPILE_CACHE } = process.env
    const cache = NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }
    const child = spawn(process.execPath, ['--import', here('seam/install.ts'), here('host.ts')], {
      env: { PATH, ...cache, FAULTS_OPERATIONS: this.#operations },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text
    })
    child.on('message', (answer: HostAnswer) => this.#answered.resolve(answer))
    this.#exit = undefined
    this.#gone = once(child, 'close').then(([code, signal]) => {
      this.#exit = String(signal ?? code)
    })
    this.#child = child
    this.#answered = Promise.withResolvers()
    await deadline(this.#answered.promise, 'a process with a faulty disk is up', 30_000)
  }

  async #ask(order: HostOrder): Promise<HostAnswer> {
    if (this.#exit !== undefined) return {}
    this.#answered = Promise.withResolvers()
    this.#child?.send(order, () => {})
    const gone = this.#gone.then(() => ({}))
    return deadline(Promise.race([this.#answered.promise, gone]), `the server does: ${order.kind}`, 20_000)
  }
}
