import type { ServerResponse } from 'node:http'
import { smallBytes } from '../cache/file-reader.ts'
import { type ImageReader, type Lease, ReadFailed } from '../cache/reader.ts'
import { onConnectionClose } from '../origin/upstream/connection-close.ts'
import { cutOff } from '../origin/upstream/cut-off.ts'
import type { KernelSending, Sendfile, SentByKernel } from '../sendfile/sendfile.ts'
import type { Sent } from './sent.ts'

export type SendOptions = Readonly<{
  /**
   * A client that takes nothing for this long is cut off (ms; 0: never). The kernel says that there is room again only
   * when about a third of its buffer is free, so the time must allow for a megabyte at the slowest speed served.
   */
  idleTimeoutMs: number
  /** Sends what lies in a file without a copy; without it everything is read and written. */
  sendfile?: Sendfile | undefined
}>

/** Asked for at once from a client's reader when the client is fast: 1 MiB. */
const largeBytes = 1 << 20

/**
 * What a client must have taken since it last blocked to count as fast (8 MiB). For a client that reads nothing at all
 * the kernel takes 5 MiB from us (tcp_wmem's upper bound, and the peer's first receive buffer), so less would prove
 * nothing.
 */
const proofOfSpeed = 8 << 20

/** Worth the kernel's while (bytes): less is read and written as soon. */
const leastSpan = 128 << 10
/** Given to the kernel at a time (bytes). Who sends asks again after it, so an image that proves wrong is noticed. */
const largestSpan = 64 << 20
/** The end of a response is asked for by itself, and goes out with Node's own (bytes). */
const tailBytes = 16 << 10

/** A write that takes longer has blocked (ms). */
const blockedAfterMs = 100

/**
 * One response on its way. What lies in a file is sent by the kernel, all but its last bytes. Everything else is read and written: at most one read
 * and one write are under way. A fast client has the next megabyte read while the last one is copied
 * into its socket; any other one is read 64 KiB, and the next only once these were taken: all that it can hold.
 */
export class Sending {
  readonly #outgoing: ServerResponse
  readonly #reader: ImageReader
  readonly #end: number
  readonly #idleTimeoutMs: number
  #sendfile: Sendfile | undefined
  readonly #resolve: (sent: Sent) => void
  /** The next byte to be given to the socket. */
  #position: number
  #taken: number
  #takenSinceBlocked = 0
  #writeStarted = 0
  #writing: Lease | undefined
  #byKernel: KernelSending | undefined
  #ahead: Lease | undefined
  #asked = 0
  #isReading = false
  #failure: ReadFailed | undefined
  /** For room for the head, or for the end: an earlier answer may have left none. */
  #isWaitingForClient = false
  #hasStalled = false
  #isOver = false
  #blocked: NodeJS.Timeout | undefined
  #unwatch = () => {}

  constructor(
    outgoing: ServerResponse,
    reader: ImageReader,
    start: number,
    end: number,
    taken: number,
    { idleTimeoutMs, sendfile }: SendOptions,
    resolve: (sent: Sent) => void,
  ) {
    this.#outgoing = outgoing
    this.#reader = reader
    this.#position = start + taken
    this.#taken = taken
    this.#end = end
    this.#idleTimeoutMs = idleTimeoutMs
    this.#sendfile = sendfile
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
    // The head by itself, if the kernel may send what follows: that must not be before it has gone.
    if (this.#mayUseKernel) {
      this.#isWaitingForClient = true
      this.#outgoing.write('', 'latin1', this.#onHeadGone)
    } else this.#advance()
  }

  readonly #onHeadGone = (error?: Error | null): void => {
    this.#isWaitingForClient = false
    if (!error && !this.#isOver) this.#advance()
  }

  get #mayUseKernel(): boolean {
    return this.#sendfile !== undefined && this.#end - tailBytes - this.#position >= leastSpan
  }

  get #isFast(): boolean {
    return this.#takenSinceBlocked >= proofOfSpeed
  }

  #advance(): void {
    if (this.#ahead !== undefined) this.#write(this.#ahead)
    else if (this.#failure !== undefined) this.#fail(this.#failure)
    else if (this.#position === this.#end) this.#finish()
    else if (!this.#sendSpan()) this.#read()
  }

  /** Has the kernel send what it can from where we are; false: read it. */
  #sendSpan(): boolean {
    if (this.#sendfile === undefined || !this.#mayUseKernel || this.#isReading) return false
    const span = this.#reader.span(this.#position, Math.min(this.#end - tailBytes - this.#position, largestSpan))
    if (span === undefined) return false
    const { socket } = this.#outgoing.req
    const isWorthIt = span.end - this.#position >= leastSpan
    const { fd, end, isSparse } = span
    const sending = isWorthIt ? this.#sendfile.send(socket, { fd, position: this.#position, end, isSparse }) : undefined
    if (sending === undefined) {
      span.release()
      return false
    }
    this.#byKernel = sending
    void sending.done.then((sent) => {
      span.release()
      this.#onSentByKernel(sent)
    })
    return true
  }

  get #hasSpan(): boolean {
    const span = this.#mayUseKernel ? this.#reader.span(this.#position, leastSpan) : undefined
    span?.release()
    return span !== undefined && span.end - this.#position >= leastSpan
  }

  #onSentByKernel({ position, fault }: SentByKernel): void {
    if (this.#isOver) return
    this.#byKernel = undefined
    this.#taken += position - this.#position
    this.#takenSinceBlocked += position - this.#position
    this.#position = position
    // The timer may have been set to what was left of the time.
    this.#outgoing.setTimeout(this.#idleTimeoutMs)
    if (fault === 'connection') cutOff(this.#outgoing)
    else if (fault === 'unknown') this.#fail(new ReadFailed('closed', 'the sending thread has ended'))
    else {
      // Reading it says what is wrong with the file.
      if (fault === 'file') this.#sendfile = undefined
      this.#advance()
    }
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
      // Before the write, so that it is there after it; but of an image that is arriving, what has got into the file
      // meanwhile is the kernel's to send. Eight such readers cost half as much processor time (8 GiB: 4.0 s, not 7.7).
      if (!this.#hasSpan) this.#read()
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
    const idleMs = this.#byKernel?.idleMs
    if (idleMs !== undefined && idleMs < this.#idleTimeoutMs) {
      this.#outgoing.setTimeout(Math.max(1, this.#idleTimeoutMs - idleMs))
      return
    }
    // While nothing is being written we wait for bytes ourselves; the next write starts the timer again.
    if (this.#writing === undefined && idleMs === undefined && !this.#isWaitingForClient) return
    this.#hasStalled = true
    cutOff(this.#outgoing)
  }

  readonly #onClose = (): void => this.#settle(this.#hasStalled ? 'client-stalled' : 'client-left')

  #finish(): void {
    this.#isWaitingForClient = true
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
    if (this.#byKernel !== undefined) {
      this.#taken += this.#byKernel.position - this.#position
      this.#byKernel.cancel()
    }
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
