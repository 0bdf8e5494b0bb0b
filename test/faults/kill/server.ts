import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { deadline, eventually } from '../../support/deadline.ts'
import type { Build } from './build.ts'

/** What a start may take (ms), on a machine that is busy with the tests. */
export const startDeadline = 20_000

/** As much of the end of its log is kept, for whoever must find out why a round failed. */
const keptLines = 40

/** Between the death of a worker and the moment when nobody is handed to it any more (ms). */
const handoverMs = 300

/** One life of the server: a process group of its own, so that all of it can be killed at once. */
export class Server {
  url = ''
  operatorUrl = ''
  /** What it took to be ready (ms). */
  startedIn = 0
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #lines: string[] = []
  readonly #blows: number[] = []
  #toldToEndAt = Number.POSITIVE_INFINITY
  #rest = ''

  constructor(build: Build, flags: readonly string[], env: Readonly<Record<string, string>> = {}) {
    // In a group of its own it would outlive a test process that is killed: setpriv has it end with that.
    const command = ['--pdeathsig', 'KILL', process.execPath, build.program('api.js'), ...flags]
    this.#child = spawn('setpriv', command, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        NODE_COMPILE_CACHE: build.compileCache,
        NODE_OPTIONS: '--trace-warnings',
        ...env,
      },
    })
    this.#exited = once(this.#child, 'close')
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#said(text))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.complaints += text
    })
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the server could not be started')
    return this.#child.pid
  }

  /** Killed, or told to end: nobody asks it any more. */
  isGone = false
  /** What it wrote to stderr: Node's warnings, or why it could not go on. */
  complaints = ''

  get log(): string {
    return `${this.complaints}\n${this.#lines.join('\n')}`
  }

  async ready(): Promise<this> {
    const began = performance.now()
    const died = this.#exited.then(() => {
      throw new Error(`the server ended before it was ready (${this.#child.exitCode}):\n${this.log}`)
    })
    await Promise.race([eventually(() => this.url !== '', 'the server is ready', startDeadline), died])
    this.startedIn = performance.now() - began
    return this
  }

  /** Kills all its processes at once, which none of them can notice. */
  async kill(): Promise<void> {
    this.isGone = true
    this.strike()
    this.signalGroup('SIGKILL')
    await deadline(this.#exited, 'a killed server is gone')
  }

  signalGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal)
    } catch (error) {
      // Gone already.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }

  /**
   * SIGTERM, to the process that was started or to all of its group at once. Gives the exit code, or the signal that
   * ended it. What has begun to arrive before must arrive whole.
   */
  async terminate(ms: number, whom: 'process' | 'group'): Promise<number | string | null> {
    this.isGone = true
    this.#toldToEndAt = performance.now()
    if (whom === 'group') this.signalGroup('SIGTERM')
    else this.#child.kill('SIGTERM')
    await deadline(this.#exited, `a server ends after SIGTERM\n${this.log}`, ms)
    return this.#child.exitCode ?? this.#child.signalCode
  }

  workers(): number[] {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'latin1').trim()
    return children === '' ? [] : children.split(' ').map(Number)
  }

  /** From now on requests may break off, whose server it is. */
  strike(): void {
    this.#blows.push(performance.now())
  }

  /** Whether something was done to it that excuses a request of this time, whose first bytes came then. */
  wasStruck(begin: number, end: number, answeredAt: number | undefined): boolean {
    if (this.#blows.some((blow) => begin <= blow + handoverMs && end >= blow)) return true
    return end >= this.#toldToEndAt && (answeredAt === undefined || answeredAt >= this.#toldToEndAt)
  }

  #said(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      this.#lines.push(line)
      if (this.url === '' && line.includes('"afterimage is ready"')) this.#learn(line)
    }
    if (this.#lines.length > keptLines) this.#lines.splice(0, this.#lines.length - keptLines)
  }

  #learn(line: string): void {
    const facts: { listening: string; operator: string } = JSON.parse(line)
    this.url = facts.listening
    this.operatorUrl = facts.operator
  }
}
