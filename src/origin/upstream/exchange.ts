import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { type HeaderList, OriginError } from '../origin.ts'
import { type BulkConnection, connectionBeingRead } from './bulk-connection.ts'
import { failureOf, type IllegalRequest } from './exchange-failure.ts'

/** One request as it goes out. `headers` are end-to-end fields; framing, Connection and Host are added. */
export type Question = Readonly<{
  method: string
  /** Raw, with the prefix of the server's url. */
  target: string
  headers: HeaderList
  /** Replaces the Host field that the url would give. */
  host?: string | undefined
  /** Absent: there is no body. Read when the connection stands; framed by Content-Length among `headers`, else chunked. */
  body?: Readable | undefined
  /** How long the head of the answer may take when the upstream is not idle meanwhile (ms); absent: the idle timeout. */
  answerTimeoutMs?: number | undefined
  /** A large body is expected: it comes in large chunks, each of them valid only until `take` returns. */
  bulk?: boolean
  /** Told of every 1xx answer (never 100) before the final one. */
  onInterim?: ((status: number, headers: HeaderList) => void) | undefined
}>

/** A final answer whose head has arrived. Its body waits, held back in the connection, until `deliver` is called. */
export interface Answer {
  readonly status: number
  readonly reason: string
  /** As received: hop-by-hop fields included. */
  readonly headers: HeaderList
  /** Who answers, and how long it may be silent. */
  readonly server: Pick<Server, 'where' | 'idleTimeoutMs'>
  /**
   * Gives the body to `take`, chunk by chunk; a chunk may be kept, but not that of a bulk question. Resolves at the
   * body's end by its own framing, rejects with an OriginError, or with what `take` threw. Call it once.
   *
   * `room` offers memory for the bytes that come next: those that a bulk question's connection has read there are given
   * to `take` in that place. It may be written to until the promise has settled, or `room` has been called again.
   */
  deliver(take: (chunk: Buffer) => void, room?: () => Buffer | undefined): Promise<void>
  /** After it `take` is not called any more until `resume`. A pause has no time limit. */
  pause(): void
  resume(): void
  /** Ends the exchange with its connection; harmless when it is over. */
  abort(): void
}

/**
 * A shorter body is left to the parser, so that its connection can be used again; for a longer one a new connection is
 * next to nothing (bytes).
 */
const straightLeast = 4 << 20

/** Each answer before the final one is a sign of life, and begins the wait anew: a server must not live on them alone. */
const interimMost = 1000

/** The server that is asked, as messages name it and its certificate must; and how long it may be silent (ms). */
export type Server = Readonly<{ where: string; servername: string; cafileOption: string; idleTimeoutMs: number }>

/** Sends one request by undici's `dispatch`: its streams and web bodies reach less than half the speed (measured). */
export function exchange(
  dispatcher: Dispatcher,
  server: Server,
  question: Question,
  signal?: AbortSignal,
): Promise<Answer> {
  const running = new Exchange(server, question.onInterim, signal)
  if (!signal?.aborted) {
    const headers = question.headers.flat()
    if (question.host !== undefined) headers.push('host', question.host)
    // `servername` is an option of undici's requests that its types leave out. Without it the Host field, which is
    // the client's, would become the name that the server's certificate is checked against.
    const request: Dispatcher.DispatchOptions & { servername: string } = {
      method: question.method,
      path: question.target,
      headers,
      body: question.body ?? null,
      headersTimeout: question.answerTimeoutMs ?? null,
      servername: server.servername,
    }
    dispatcher.dispatch(request, running)
  }
  return running.answered
}

class Exchange implements Dispatcher.DispatchHandler, Answer {
  status = 0
  reason = ''
  headers: HeaderList = []
  readonly answered: Promise<Answer>
  readonly server: Server
  readonly #onInterim: Question['onInterim']
  readonly #signal: AbortSignal | undefined
  readonly #head = Promise.withResolvers<Answer>()
  readonly #held: Buffer[] = []
  #controller: Dispatcher.DispatchController | undefined
  #take: ((chunk: Buffer) => void) | undefined
  #room: (() => Buffer | undefined) | undefined
  /** What the head came on, when its body can be taken straight from there. */
  #connection: BulkConnection | undefined
  #isStraight = false
  #delivered: PromiseWithResolvers<void> | undefined
  #paused = false
  #waking = false
  #interim = 0
  #ended = false
  /** Nothing can happen any more: all delivered, or failed. */
  #over = false
  #failure: unknown

  constructor(server: Server, onInterim: Question['onInterim'], signal: AbortSignal | undefined) {
    this.server = server
    this.#onInterim = onInterim
    this.#signal = signal
    this.answered = this.#head.promise
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (signal?.aborted) this.abort()
  }

  deliver(take: (chunk: Buffer) => void, room?: () => Buffer | undefined): Promise<void> {
    const delivered = Promise.withResolvers<void>()
    this.#delivered = delivered
    this.#take = take
    this.#room = room
    if (this.#over) delivered.reject(this.#failure)
    else this.#wake()
    return delivered.promise
  }

  pause(): void {
    this.#paused = true
    if (this.#isStraight) this.#connection?.pause()
    else this.#controller?.pause()
  }

  resume(): void {
    this.#paused = false
    this.#wake()
  }

  readonly #onAbort = () => this.abort()

  abort(): void {
    this.#fail(new OriginError('aborted', `${this.server.where}: the request was given up`))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Given up while the connection was being made.
    if (this.#over) controller.abort(this.#error())
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, reason = ''): void {
    const headers = rawPairs(controller.rawHeaders)
    if (status < 200) {
      if (++this.#interim <= interimMost) this.#onInterim?.(status, headers)
      else this.#fail(new OriginError('bad-answer', `${this.server.where}: more than ${interimMost} interim answers`))
      return
    }
    this.status = status
    this.reason = reason
    this.headers = headers
    controller.pause()
    this.#connection = connectionBeingRead()
    this.#head.resolve(this)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // A parser that is resumed while nothing is there reports an empty chunk; two downloads that resume each other
    // from their chunks would go round on these forever.
    if (chunk.length === 0) return
    this.#connection = undefined
    // A pause takes effect with the next chunk only, and a connection that is closing gives all that it still holds.
    if (this.#paused || this.#take === undefined || this.#held.length > 0) this.#held.push(Buffer.from(chunk))
    else this.#give(chunk)
  }

  onResponseEnd(): void {
    this.#ended = true
    this.#wake()
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#fail(failureOf(error, this.server, this.#controller !== undefined))
  }

  /** Goes on in a microtask: undici's parser must not be resumed from within a callback of any of its connections. */
  #wake(): void {
    if (this.#waking || this.#take === undefined) return
    this.#waking = true
    queueMicrotask(() => {
      this.#waking = false
      this.#goOn()
    })
  }

  #goOn(): void {
    while (!this.#paused && !this.#over) {
      const chunk = this.#held.shift()
      if (chunk === undefined) break
      this.#give(chunk)
    }
    if (this.#paused || this.#over) return
    if (this.#ended) this.#complete()
    else if (this.#isStraight) this.#connection?.resume()
    else if (!this.#goStraight()) this.#controller?.resume()
  }

  /** From now on the parser sees nothing of the body. False: it has to. */
  #goStraight(): boolean {
    const [connection, room] = [this.#connection, this.#room]
    const length = lengthOf(this.headers)
    if (connection === undefined || room === undefined || length === undefined || length < straightLeast) return false
    this.#isStraight = true
    connection.divert({ length, room, take: (chunk) => this.#give(chunk), end: () => this.#complete() })
    return true
  }

  #complete(): void {
    this.#finish()
    this.#delivered?.resolve()
  }

  #give(chunk: Buffer): void {
    try {
      this.#take?.(chunk)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(failure: OriginError | IllegalRequest | unknown): void {
    if (this.#over) return
    this.#failure = failure
    this.#finish()
    this.#held.length = 0
    this.#head.reject(failure)
    this.#delivered?.reject(failure)
    this.#controller?.abort(this.#error())
    // Before anybody is told: what was had from `room` must not be written any more.
    if (this.#isStraight) this.#connection?.socket.destroy()
  }

  #finish(): void {
    this.#over = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }

  #error(): Error {
    return this.#failure instanceof Error ? this.#failure : new Error(String(this.#failure))
  }
}

/** What the head declares, when the body is framed by that and nothing else. The parser has made sure that it is one number. */
function lengthOf(headers: HeaderList): number | undefined {
  const named = (name: string) => headers.filter(([field]) => field.toLowerCase() === name)
  const [length] = named('content-length')
  return length === undefined || named('transfer-encoding').length > 0 ? undefined : Number(length[1])
}

function rawPairs(raw: Dispatcher.DispatchController['rawHeaders']): HeaderList {
  if (!Array.isArray(raw)) return []
  const pairs: Array<readonly [string, string]> = []
  const text = (field: Buffer | string | undefined) =>
    typeof field === 'string' ? field : (field?.toString('latin1') ?? '')
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([text(raw[at]), text(raw[at + 1])])
  return pairs
}
