import { connect, type Socket } from 'node:net'
import { errors } from 'undici'

/** Read at once for the parser, which copies it; larger reads are slower again, they no longer fit the processor's cache. */
const readBytes = 256 * 1024

/** A body of a known length that is taken from its connection without a parser in between. */
export type StraightBody = Readonly<{
  /** Bytes that the parser has not seen. */
  length: number
  /** Memory for the bytes that come next; undefined: there is none now, they come in the connection's own. */
  room(): Buffer | undefined
  /** Must not throw. */
  take(chunk: Buffer): void
  /** All of it was taken, and the connection is closed. */
  end(): void
}>

export type Place = Readonly<{ host: string; port: number; localAddress?: string }>

/** While its parser is at work. */
let reading: BulkConnection | undefined

/** The connection whose parser runs now: what an answer's head came on, asked from within the parser's callback. */
export const connectionBeingRead = (): BulkConnection | undefined => reading

/**
 * A connection for undici that reads into one buffer of its own, again and again, instead of a new 64 KiB one for each
 * read: of 1 GiB those are 16 000, and collecting them costs as much processor time as all else in receiving it. The
 * price: a chunk is valid only until the parser asks for the next one.
 *
 * Once the parser has given an answer's head and has paused, the body can be had without it: the parser copies each
 * chunk into memory of its own, and whoever keeps the bytes copies them once more. Straight from the connection they
 * are read where they are kept (1 GiB: 0.15 of 0.85 s of the main thread). Such a connection is closed at the body's
 * end, because its parser does not know that there was one.
 */
export class BulkConnection {
  readonly socket: Socket
  readonly #idleTimeoutMs: number
  readonly #own = Buffer.allocUnsafeSlow(readBytes)
  readonly #readStream: Socket['read']
  #unread: Buffer | undefined
  #body: StraightBody | undefined
  #left = 0
  #isPaused = false

  /** `idleTimeoutMs`: the longest silence within a body that is taken straight; within others the parser looks. */
  constructor(place: Place, idleTimeoutMs: number) {
    this.#idleTimeoutMs = idleTimeoutMs
    const socket = connect({
      ...place,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      onread: { buffer: () => this.#nextBuffer(), callback: (length, buffer) => this.#onRead(length, buffer) },
    })
    this.socket = socket
    this.#readStream = socket.read.bind(socket)
    /** undici's parser reads until there is nothing; that last call is what makes Node read from the connection again. */
    socket.read = (size?: number) => {
      const chunk = this.#unread
      if (chunk === undefined) return this.#readStream(size)
      this.#unread = undefined
      return chunk
    }
    /** What a parser that was paused in the middle of a chunk gives back. */
    socket.unshift = (rest: Buffer) => {
      this.#unread = rest
      return true
    }
    socket.on('timeout', () => socket.destroy(new errors.BodyTimeoutError()))
  }

  /**
   * The paused parser's next `body.length` bytes go to `body`. What ends the connection before their end reaches the
   * parser, and fails the exchange; no memory that was had from `room` is written any more once the socket is destroyed.
   */
  divert(body: StraightBody): void {
    this.#body = body
    this.#left = body.length
    const rest = this.#unread
    this.#unread = undefined
    if (rest !== undefined && rest.length > 0) this.#give(rest)
    if (!this.#isPaused) this.resume()
  }

  /** No chunk is given to the body until `resume`. */
  pause(): void {
    this.#isPaused = true
    this.socket.setTimeout(0)
    this.socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    if (this.#body === undefined || this.socket.destroyed) return
    this.socket.setTimeout(this.#idleTimeoutMs)
    this.#readStream(0)
  }

  /** Where the next read goes; asked after each. */
  #nextBuffer(): Buffer {
    // After the end nobody watches what becomes of the room.
    const room = this.socket?.destroyed === false ? this.#body?.room() : undefined
    return room === undefined ? this.#own : room.subarray(0, this.#left)
  }

  /** False: nothing more is read for now. */
  #onRead(length: number, buffer: Uint8Array): boolean {
    const chunk = Buffer.from(buffer.buffer, buffer.byteOffset, length)
    if (this.#body !== undefined) {
      this.#give(chunk)
      return !this.#isPaused
    }
    this.#unread = chunk
    reading = this
    try {
      this.socket.emit('readable')
    } finally {
      reading = undefined
    }
    // Nothing is read over what the parser has not taken yet.
    return this.#unread === undefined
  }

  #give(chunk: Buffer): void {
    const body = this.#body
    if (body === undefined) return
    const bytes = chunk.subarray(0, this.#left)
    this.#left -= bytes.length
    body.take(bytes)
    if (this.#left > 0) return
    this.#body = undefined
    this.socket.destroy()
    body.end()
  }
}
