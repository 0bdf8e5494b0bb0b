/** One request as a server that doubts nothing would take it from a connection. */
export type StrictRequest = Readonly<{
  method: string
  target: string
  /** Names in lower case, in order. */
  fields: ReadonlyArray<readonly [name: string, value: string]>
  body: Buffer
}>

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/**
 * The requests on a connection, by the letter of RFC 9112 and nothing more: whatever another server could frame in
 * another way is an error here. It is what the cache may send to the image store, whatever it was sent itself.
 */
export class StrictRequests {
  readonly requests: StrictRequest[]
  /** The first thing that was wrong. */
  violation: string | undefined
  #bytes: Buffer = Buffer.alloc(0)

  /** `requests`: where those that are whole go, several connections' in the order of their ends. */
  constructor(requests: StrictRequest[] = []) {
    this.requests = requests
  }

  /** Bytes of a request that is not there to its end. */
  get unfinished(): number {
    return this.#bytes.length
  }

  feed(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    try {
      for (;;) {
        const taken = takeRequest(this.#bytes)
        if (taken === undefined) return
        this.requests.push(taken.request)
        this.#bytes = this.#bytes.subarray(taken.length)
      }
    } catch (error) {
      this.violation ??= `${error instanceof Error ? error.message : error}: ${JSON.stringify(this.#bytes.toString('latin1', 0, 400))}`
    }
  }
}

type Taken = { request: StrictRequest; length: number }

/** The first request in `bytes`, undefined when it is not there to its end. */
function takeRequest(bytes: Buffer): Taken | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = bytes.toString('latin1', 0, end)
  const [line = '', ...rest] = head.split('\r\n')
  const [, method = '', target = ''] = /^([A-Z]+) (\/[\x21-\x7e\x80-\xff]*) HTTP\/1\.1$/.exec(line) ?? []
  if (method === '') throw new Error('a request line that breaks the grammar')
  const fields = rest.map(fieldOf)
  const body = takeBody(bytes.subarray(end + 4), fields)
  if (body === undefined) return undefined
  return { request: { method, target, fields, body: body.bytes }, length: end + 4 + body.length }
}

function fieldOf(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  const [name, value] = [line.slice(0, colon), line.slice(colon + 1)]
  if (colon < 1 || !token.test(name)) throw new Error('a field name that breaks the grammar')
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) throw new Error('a control character in a field')
  return [name.toLowerCase(), value.replace(/^[ \t]+|[ \t]+$/g, '')]
}

function takeBody(
  bytes: Buffer,
  fields: StrictRequest['fields'],
): Readonly<{ bytes: Buffer; length: number }> | undefined {
  const values = (wanted: string) => fields.filter(([name]) => name === wanted).map(([, value]) => value)
  const [lengths, codings] = [values('content-length'), values('transfer-encoding')]
  if (values('host').length !== 1) throw new Error('not one Host field')
  if (lengths.length + codings.length > 1) throw new Error('more than one framing field')
  if (codings.length === 1) {
    if (codings[0] !== 'chunked') throw new Error('another transfer coding than chunked')
    return takeChunks(bytes)
  }
  const [length = '0'] = lengths
  if (!/^\d{1,15}$/.test(length)) throw new Error('a Content-Length that is no number')
  return bytes.length < Number(length)
    ? undefined
    : { bytes: bytes.subarray(0, Number(length)), length: Number(length) }
}

function takeChunks(bytes: Buffer): Readonly<{ bytes: Buffer; length: number }> | undefined {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at)
    if (end < 0) return undefined
    const size = bytes.toString('latin1', at, end)
    if (!/^[0-9a-fA-F]{1,8}$/.test(size)) throw new Error('a chunk size that breaks the grammar')
    const length = Number.parseInt(size, 16)
    const next = end + 2 + length
    if (bytes.length < next + 2) return undefined
    if (bytes.toString('latin1', next, next + 2) !== '\r\n') throw new Error('a chunk without its end')
    if (length === 0) return { bytes: Buffer.concat(parts), length: next + 2 }
    parts.push(bytes.subarray(end + 2, next))
    at = next + 2
  }
}
