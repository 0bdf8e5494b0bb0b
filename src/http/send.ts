/**
 * Sends bytes of an image to a client: the hot path of a hit. Made by hand where a stream pipeline would do, because of
 * what that costs. Measured with bench/micro/send.ts (1 GiB in the page cache, two cores; MB/s for one client, for
 * eight, and processor time per GiB for one): this loop with the reading threads of file-reader.ts 2450, 2950, 0.36 s;
 * the same loop with fs.read 1840, 2640, 0.42 s, and with 64 KiB at a time 1030, 1630, 0.70 s;
 * createReadStream().pipe() with 1 MiB 1110, 1350, 0.74 s, and with its usual 64 KiB 650, 1400, 0.95 s; nginx with
 * sendfile, which copies nothing, 3340, 2730, 0.13 s, and copying 2080, 1630, 0.34 s.
 */
import type { ServerResponse } from 'node:http'
import { type ImageReader, type Lease, ReadFailed } from '../cache/reader.ts'
import { smallBytes } from '../cache/small-reads.ts'
import { onConnectionClose } from '../origin/upstream/connection-close.ts'
import { cutOff } from '../origin/upstream/cut-off.ts'

export type SendOptions = Readonly<{
  /**
   * A client that takes nothing for this long is cut off (ms; 0: never). The kernel says that there is room again only
   * when about a third of its buffer is free, so the time must allow for a megabyte at the slowest speed served.
   */
  idleTimeoutMs: number
}>

/** What came of it. `bytes` of the body have been handed to the kernel, when `failed` all that were read before it. */
export type Sent = Readonly<{
  outcome: 'complete' | 'client-left' | 'client-stalled' | 'failed'
  bytes: number
  /** With `failed` only. */
  error?: ReadFailed
}>

/** Asked for at once from a client's reader when the client is fast: 1 MiB. */
const largeBytes = 1 << 20

/**
 * What a client must have taken since it last blocked to count as fast (8 MiB). For a client that reads nothing at all
 * the kernel takes 5 MiB from us (tcp_wmem's upper bound, and the peer's first receive buffer), so less would prove
 * nothing.
 */
const proofOfSpeed = 8 << 20

/** A write that takes longer has blocked (ms). */
const blockedAfterMs = 100

/**
 * Writes bytes [start, end) of `reader` to a response whose head has been set with Content-Length, then ends it.
 * `failed` leaves the response open, so that the caller can go on with other bytes at start + bytes, or reset the
 * connection. Never rejects. When it resolves no lease is out, but a read may still be under way: its lease is
 * released when it comes. The reader is closed by the caller.
 */
export function sendBody(
  outgoing: ServerResponse,
  reader: ImageReader,
  start: number,
  end: number,
  options: SendOptions,
): Promise<Sent> {
  return new Promise((resolve) => new Sending(outgoing, reader, start, end, options, resolve).start())
}

/**
 * At most one read and one write are under way. A fast client has the next megabyte read while the last one is copied
 * into its socket; any other one is read 64 KiB, and the next only once these were taken: all that it can hold.
 */
class Sending {
  readonly #outgoing: ServerResponse
  readonly #reader: ImageReader
  readonly #end: number
  readonly #idleTimeoutMs: number
  readonly #resolve: (sent: Sent) => void
  /** The next byte to be given to the socket. */
  #position: number
  #taken = 0
  #takenSinceBlocked = 0
  #writeStarted = 0
  #writing: Lease | undefined
  #ahead: Lease | undefined
  #asked = 0
  #isReading = false
  #failure: ReadFailed | undefined
  #hasStalled = false
  #isOver = false
  #blocked: NodeJS.Timeout | undefined
  #unwatch = () => {}

  constructor(
    outgoing: ServerResponse,
    reader: ImageReader,
    start: number,
    end: number,
    { idleTimeoutMs }: SendOptions,
    resolve: (sent: Sent) => void,
  ) {
    this.#outgoing = outgoing
    this.#reader = reader
    this.#position = start
    this.#end = end
    this.#idleTimeoutMs = idleTimeoutMs
    this.#resolve = resolve
  }

  start(): void {
    const { socket } = this.#outgoing.req
    if (socket.destroyed) {
      this.#settle('client-left')
      return
    }
    this.#unwatch = onConnectionClose(socket, this.#onClose)
    // Node's own timer sees a write that is partly done as progress.
    this.#outgoing.setTimeout(this.#idleTimeoutMs, this.#onTimeout)
    this.#advance()
  }

  get #isFast(): boolean {
    return this.#takenSinceBlocked >= proofOfSpeed
  }

  #advance(): void {
    if (this.#ahead !== undefined) this.#write(this.#ahead)
    else if (this.#failure !== undefined) this.#fail(this.#failure)
    else if (this.#position === this.#end) this.#finish()
    else this.#read()
  }

  #read(): void {
    if (this.#isReading || this.#position === this.#end) return
    this.#isReading = true
    this.#asked = Math.min(this.#isFast ? largeBytes : smallBytes, this.#end - this.#position)
    try {
      const answer = this.#reader.read(this.#position, this.#asked)
      if (answer instanceof Promise) answer.then(this.#onLease, this.#onReadFailed)
      else this.#onLease(answer)
    } catch (error) {
      this.#onReadFailed(error)
    }
  }

  readonly #onLease = (lease: Lease): void => {
    this.#isReading = false
    const { length } = lease.bytes
    if (length === 0 || length > this.#asked) {
      // More than Content-Length says would be read as the head of the next response.
      lease.release()
      this.#onReadFailed(new Error(`${length} bytes read where 1 to ${this.#asked} were wanted`))
      return
    }
    if (this.#isOver || (this.#writing !== undefined && !this.#isFast)) {
      // Read ahead for a client that has blocked meanwhile: given back, and read again when it is wanted.
      lease.release()
      return
    }
    this.#ahead = lease
    if (this.#writing === undefined) this.#advance()
  }

  readonly #onReadFailed = (cause: unknown): void => {
    this.#isReading = false
    this.#failure = cause instanceof ReadFailed ? cause : new ReadFailed('cache', 'reading failed', { cause })
    if (!this.#isOver && this.#writing === undefined) this.#advance()
  }

  #write(lease: Lease): void {
    this.#ahead = undefined
    this.#writing = lease
    this.#position += lease.bytes.length
    if (this.#position === this.#end) {
      // With the end in one: a small image goes out with its head, in one system call.
      this.#outgoing.prependOnceListener('finish', this.#onFinish).end(lease.bytes)
      return
    }
    if (this.#isFast) {
      // Before the write: the reading thread works while this one copies into the socket.
      this.#read()
      this.#blocked = this.#blocked?.refresh() ?? setTimeout(this.#onBlocked, blockedAfterMs)
    }
    this.#writeStarted = performance.now()
    this.#outgoing.write(lease.bytes, this.#onWritten)
  }

  readonly #onWritten = (error?: Error | null): void => {
    const lease = this.#writing
    // With an error the connection is closing, and #onClose ends everything.
    if (lease === undefined || error) return
    this.#writing = undefined
    this.#taken += lease.bytes.length
    this.#takenSinceBlocked += lease.bytes.length
    if (performance.now() - this.#writeStarted > blockedAfterMs) this.#takenSinceBlocked = 0
    lease.release()
    this.#advance()
  }

  readonly #onFinish = (): void => {
    this.#taken += this.#writing?.bytes.length ?? 0
    this.#stopIdleTimer()
    this.#settle('complete')
  }

  /** A fast client has stopped taking bytes: it may keep what is being written, not what was read ahead. */
  readonly #onBlocked = (): void => {
    if (this.#writing === undefined) return
    this.#takenSinceBlocked = 0
    this.#dropAhead()
  }

  readonly #onTimeout = (): void => {
    // While nothing is being written we wait for bytes ourselves; the next write starts the timer again.
    if (this.#writing === undefined) return
    this.#hasStalled = true
    cutOff(this.#outgoing)
  }

  readonly #onClose = (): void => this.#settle(this.#hasStalled ? 'client-stalled' : 'client-left')

  #finish(): void {
    this.#outgoing.prependOnceListener('finish', this.#onFinish).end()
  }

  #fail(error: ReadFailed): void {
    this.#stopIdleTimer()
    this.#settle('failed', error)
  }

  /** Before Node hears that the response has ended: it then sets the same timer of the connection for keep-alive. */
  #stopIdleTimer(): void {
    this.#outgoing.off('timeout', this.#onTimeout).setTimeout(0)
  }

  #settle(outcome: Sent['outcome'], error?: ReadFailed): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#unwatch()
    clearTimeout(this.#blocked)
    this.#writing?.release()
    this.#writing = undefined
    this.#dropAhead()
    this.#resolve({ outcome, bytes: this.#taken, ...(error === undefined ? {} : { error }) })
  }

  #dropAhead(): void {
    this.#ahead?.release()
    this.#ahead = undefined
  }
}
