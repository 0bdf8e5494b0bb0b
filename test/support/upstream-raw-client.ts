import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { deadline, eventually } from './deadline.ts'

/** An answer as it came over the wire; `body` is without its framing. */
export type RawAnswer = Readonly<{
  status: number
  line: string
  head: string
  fields: Array<[string, string]>
  body: Buffer
}>

/** A client that writes and sees bytes. */
export class RawClient {
  readonly socket: Socket
  /** Everything received that no answer has been taken from. */
  bytes = Buffer.alloc(0)
  /** `reset` or another error's code; undefined while open and after a clean end. */
  error: string | undefined
  /** The server has ended its side cleanly. */
  ended = false
  readonly closed: Promise<void>
  #wake = Promise.withResolvers<void>()

  constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('data', (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk])
      this.#changed()
    })
    socket.on('end', () => {
      this.ended = true
      this.#changed()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code
    })
    socket.on('close', () => this.#changed())
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Waits until `found` sees what it looks for in what has come. */
  async until<T>(found: (bytes: Buffer) => T | undefined, label: string): Promise<T> {
    for (;;) {
      const result = found(this.bytes)
      if (result !== undefined) return result
      if (this.socket.closed)
        throw new Error(
          `the connection ended (${this.error ?? 'cleanly'}) before ${label}: ${this.bytes.toString('latin1', 0, 300)}`,
        )
      await deadline(Promise.race([this.#wake.promise, this.closed]), label)
    }
  }

  /** The next head, 1xx included; its body stays in `bytes`. */
  async head(): Promise<Omit<RawAnswer, 'body'>> {
    const end = await this.until(
      (bytes) => (bytes.includes('\r\n\r\n') ? bytes.indexOf('\r\n\r\n') + 4 : undefined),
      'a head',
    )
    const head = this.bytes.toString('latin1', 0, end)
    this.bytes = this.bytes.subarray(end)
    const [line = '', ...fields] = head.trimEnd().split('\r\n')
    return {
      status: Number(line.split(' ')[1]),
      line,
      head,
      fields: fields.map((field) => [field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 1).trim()]),
    }
  }

  /** The next whole answer. */
  async answer(method = 'GET'): Promise<RawAnswer> {
    const head = await this.head()
    const field = (name: string) => head.fields.find(([known]) => known.toLowerCase() === name)?.[1]
    if (method === 'HEAD' || head.status === 204 || head.status === 304) return { ...head, body: Buffer.alloc(0) }
    if (field('transfer-encoding') === 'chunked') return { ...head, body: await this.#chunks() }
    const length = Number(field('content-length') ?? Number.NaN)
    if (Number.isNaN(length)) {
      await deadline(this.closed, 'the end of the connection')
      return { ...head, body: this.bytes }
    }
    return { ...head, body: await this.#take(length) }
  }

  async #take(length: number): Promise<Buffer> {
    await this.until((bytes) => (bytes.length >= length ? true : undefined), `${length} bytes`)
    const taken = this.bytes.subarray(0, length)
    this.bytes = this.bytes.subarray(length)
    return taken
  }

  async #chunks(): Promise<Buffer> {
    const parts: Buffer[] = []
    for (;;) {
      const line = await this.until((bytes) => (bytes.includes('\r\n') ? bytes.indexOf('\r\n') : undefined), 'a chunk')
      const size = Number.parseInt((await this.#take(line + 2)).toString('latin1'), 16)
      const part = await this.#take(size + 2)
      if (size === 0) return Buffer.concat(parts)
      parts.push(part.subarray(0, size))
    }
  }

  /** The connection was reset, not closed in order. */
  async wasReset(): Promise<boolean> {
    await deadline(this.closed, 'the end of the connection')
    return this.error === 'ECONNRESET' && !this.ended
  }

  #changed(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers<void>()
  }
}

/** Connects to a port of this machine; the connection ends with the test. */
export async function rawClient(t: TestContext, port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  const client = new RawClient(socket)
  await eventually(() => !socket.connecting, 'the connection')
  return client
}

/** One request on a connection of its own: the lines of its head, then its body. */
export async function request(
  t: TestContext,
  port: number,
  lines: readonly string[],
  body: string | Buffer = '',
): Promise<RawAnswer> {
  const client = await rawClient(t, port)
  client.write(`${lines.join('\r\n')}\r\n\r\n`)
  if (body.length > 0) client.write(body)
  return client.answer(lines[0]?.split(' ')[0])
}
