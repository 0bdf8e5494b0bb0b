import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'

/** Whether a request has a body at all: its framing fields say so (RFC 9112 6.3). */
export function hasBody(incoming: IncomingMessage): boolean {
  const length = incoming.headers['content-length']
  return incoming.headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) > 0)
}

/**
 * The client's body on its way to the upstream. It stands between the two because undici destroys the body of a
 * request that was answered early, and destroying the client's message would destroy its connection before the answer.
 * The client is told to go on (100 Continue) when the first byte is wanted, which is when the upstream can be reached.
 */
export class Upload extends Readable {
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  #begun = false

  constructor(incoming: IncomingMessage, outgoing: ServerResponse) {
    super({ highWaterMark: 65_536 })
    this.#incoming = incoming
    this.#outgoing = outgoing
    // The exchange that reads it reports every failure; nobody else listens.
    this.on('error', () => undefined)
  }

  override _read(): void {
    if (!this.#begun) {
      this.#begun = true
      this.#incoming
        .on('data', this.#onData)
        .on('end', this.#onEnd)
        .on('close', this.#onClose)
        .on('error', this.#onClose)
      if (expectsContinue(this.#incoming) && !this.#outgoing.headersSent) this.#outgoing.writeContinue()
    }
    this.#incoming.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#incoming.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose)
    // The client's message is left flowing or not, as it was: whoever gives the answer may be dropping the rest of it.
    done(error)
  }

  readonly #onData = (chunk: Buffer) => {
    if (!this.push(chunk)) this.#incoming.pause()
  }

  readonly #onEnd = () => {
    this.push(null)
  }

  readonly #onClose = () => {
    if (!this.#incoming.complete) this.destroy(new Error('the client left in the midst of its upload'))
  }
}

/** RFC 9110 10.1.1: the expectation of an HTTP/1.0 client is ignored. */
function expectsContinue({ headers, httpVersionMajor, httpVersionMinor }: IncomingMessage): boolean {
  const modern = httpVersionMajor > 1 || (httpVersionMajor === 1 && httpVersionMinor >= 1)
  return modern && /(?:^|,)\s*100-continue\s*(?:,|$)/i.test(headers.expect ?? '')
}
