import type { BodySum, Wire } from './upstream-wire.ts'
import { readBody } from './upstream-wire.ts'
import type { Fields } from './upstream-words.ts'

/** One request as the scripted upstream received it, and what became of it. */
export class UpstreamRequest {
  readonly method: string
  readonly target: string
  /** As on the wire: order, case and duplicates. */
  readonly headers: Fields
  /** performance.now() when the head was complete. */
  readonly at = performance.now()
  /** Number of the connection it came on, counted from 1. */
  readonly connection: number
  /** Bytes of image data handed to the kernel for this request so far. */
  sent = 0
  /** Bytes of the request's body received so far. */
  received = 0
  /** Settles when the connection it came on is gone. */
  readonly closed: Promise<void>
  /** Its answer has been written completely. */
  answered = false
  readonly #wire: Wire
  #body: Promise<BodySum> | undefined

  constructor(wire: Wire, connection: number, head: string) {
    const [line = '', ...fields] = head.split('\r\n')
    const [method = '', target = ''] = line.split(' ')
    this.method = method
    this.target = target
    this.connection = connection
    this.headers = fields.filter(Boolean).map((field) => {
      const colon = field.indexOf(':')
      return [field.slice(0, colon), field.slice(colon + 1).trim()] as const
    })
    this.closed = wire.closed
    this.#wire = wire
  }

  /** The target without its query. */
  get path(): string {
    return this.target.split('?', 1)[0] ?? ''
  }

  /** All values of a field, in order. */
  all(name: string): string[] {
    return this.headers.filter(([field]) => field.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
  }

  header(name: string): string | undefined {
    return this.all(name)[0]
  }

  get hasBody(): boolean {
    return this.header('transfer-encoding') !== undefined || Number(this.header('content-length') ?? 0) > 0
  }

  /** Reads the body to its end (or that of the connection), once; later calls give the same. */
  body(): Promise<BodySum> {
    this.#body ??= readBody(
      this.#wire,
      (name) => this.header(name),
      (bytes) => {
        this.received = bytes
      },
    )
    return this.#body
  }
}
