import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { eventually } from './deadline.ts'

/** What a request's body came to; `whole` when its framing was complete. */
export type BodySum = Readonly<{ length: number; sha256: string; whole: boolean }>

const queueMost = 1_048_576

/** One connection to the scripted upstream, as bytes: everything is read and written at exact positions. */
export class Wire {
  readonly socket: Socket
  /** Settles when the connection is gone, however it went. */
  readonly closed: Promise<void>
  #queue: Buffer[] = []
  #queued = 0
  #ended = false
  #wake: (() => void) | undefined

  constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('data', (chunk: Buffer) => {
      this.#queue.push(chunk)
      this.#queued += chunk.length
      if (this.#queued > queueMost) socket.pause()
      this.#wake?.()
    })
    // A reset by the client is an ordinary event here: `closed` tells of it.
    socket.on('error', () => undefined)
    for (const ending of ['end', 'close']) {
      socket.on(ending, () => {
        this.#ended = true
        this.#wake?.()
      })
    }
  }

  /** The next bytes that arrive; undefined at the end of the connection. */
  async read(): Promise<Buffer | undefined> {
    while (this.#queue.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const chunk = this.#queue.shift()
    this.#queued -= chunk?.length ?? 0
    if (this.#queued <= queueMost && this.socket.isPaused()) this.socket.resume()
    return chunk
  }

  /** Puts back what was read too far. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#queue.unshift(bytes)
    this.#queued += bytes.length
  }

  /** Everything up to and with `mark`; undefined when the connection ended before. */
  async readUntil(mark: string): Promise<Buffer | undefined> {
    let bytes = Buffer.alloc(0)
    for (;;) {
      const found = bytes.indexOf(mark)
      if (found >= 0) {
        this.unread(bytes.subarray(found + mark.length))
        return bytes.subarray(0, found + mark.length)
      }
      const chunk = await this.read()
      if (chunk === undefined) return undefined
      bytes = Buffer.concat([bytes, chunk])
    }
  }

  /** Gives exactly `length` bytes to `take`, in pieces; false when the connection ended before. */
  async readExactly(length: number, take: (piece: Buffer) => void): Promise<boolean> {
    for (let left = length; left > 0; ) {
      const chunk = await this.read()
      if (chunk === undefined) return false
      const piece = chunk.subarray(0, left)
      this.unread(chunk.subarray(piece.length))
      left -= piece.length
      take(piece)
    }
    return true
  }

  /** Resolves when the kernel has room again; at once when it has. Does nothing on a closed connection. */
  async write(bytes: Buffer | string): Promise<void> {
    if (this.socket.destroyed || !this.socket.writable) return
    const room = typeof bytes === 'string' ? this.socket.write(bytes, 'latin1') : this.socket.write(bytes)
    if (room) return
    const drained = new Promise<void>((resolve) => this.socket.once('drain', resolve))
    await Promise.race([drained, this.closed])
  }

  /** Closes in order: everything written arrives, then the end. */
  end(): void {
    this.socket.end()
  }

  /**
   * Resets the connection. What was written before has been received by the other machine's kernel by then, so that
   * the position of the reset is exact.
   */
  async reset(): Promise<void> {
    await eventually(() => this.#received(), 'the other side has received what came before the reset')
    this.socket.resetAndDestroy()
  }

  async #received(): Promise<boolean> {
    const { remotePort, localPort, destroyed, writableLength } = this.socket
    if (destroyed || localPort === undefined || remotePort === undefined) return true
    if (writableLength > 0) return false
    const hex = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, '0')} `
    for (const line of (await readFile('/proc/net/tcp', 'latin1')).split('\n')) {
      // sl local remote state tx_queue:rx_queue …; tx_queue is what has not been acknowledged.
      if (
        line.includes(`${hex(localPort)}`) &&
        line.includes(hex(remotePort)) &&
        line.indexOf(hex(localPort)) < line.indexOf(hex(remotePort))
      ) {
        return / [0-9A-F]{2} 0{8}:/.test(line)
      }
    }
    return true
  }
}

/** Reads a body framed by Content-Length or chunks; the trailer section is dropped. */
export async function readBody(
  wire: Wire,
  field: (name: string) => string | undefined,
  progress: (bytes: number) => void,
): Promise<BodySum> {
  const hash = createHash('sha256')
  let length = 0
  let whole = false
  const take = (piece: Buffer) => {
    hash.update(piece)
    length += piece.length
    progress(length)
  }
  if (field('transfer-encoding') !== undefined) {
    for (;;) {
      const line = await wire.readUntil('\r\n')
      const size = Number.parseInt(line?.toString('latin1') ?? '0', 16)
      if (line === undefined) break
      if (size === 0) {
        for (let trailer = await wire.readUntil('\r\n'); trailer !== undefined && trailer.length > 2; ) {
          trailer = await wire.readUntil('\r\n')
        }
        whole = true
        break
      }
      if (!(await wire.readExactly(size, take))) break
      await wire.readUntil('\r\n')
    }
  } else {
    whole = await wire.readExactly(Number(field('content-length') ?? 0), take)
  }
  return { length, sha256: hash.digest('hex'), whole }
}
