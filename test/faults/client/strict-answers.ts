/** One answer as it came over the wire, its body without framing. */
export type StrictAnswer = Readonly<{
  status: number
  fields: ReadonlyArray<readonly [name: string, value: string]>
  body: Buffer
}>

/** What came back on one connection. */
export type Answers = Readonly<{
  /** Interim ones (1xx) too. */
  answers: readonly StrictAnswer[]
  /** Of a last one that was broken off: everything that came of it. */
  rest: Buffer
}>

/** Reads the answers to requests of these methods, in their order. Throws at what is no HTTP/1.1. */
export function readAnswers(bytes: Buffer, methods: readonly string[]): Answers {
  const answers: StrictAnswer[] = []
  let left = bytes
  let asked = 0
  while (left.length > 0) {
    const taken = takeAnswer(left, methods[asked] ?? 'GET')
    if (taken === undefined) break
    answers.push(taken.answer)
    left = left.subarray(taken.length)
    if (taken.answer.status >= 200) asked += 1
  }
  return { answers, rest: left }
}

export const fieldOf = (answer: StrictAnswer | undefined, wanted: string): string | undefined =>
  answer?.fields.find(([name]) => name === wanted)?.[1]

function takeAnswer(bytes: Buffer, method: string): { answer: StrictAnswer; length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [line = '', ...rest] = bytes.toString('latin1', 0, end).split('\r\n')
  const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [\t\x20-\x7e\x80-\xff]*$/.exec(line)?.[1])
  if (Number.isNaN(status)) throw new Error(`no status line: ${JSON.stringify(line.slice(0, 200))}`)
  const fields = rest.map((field): readonly [string, string] => {
    const [, name, value] = /^([^\s:]+):[ \t]*([^\r\n\0]*)$/.exec(field) ?? []
    if (name === undefined || value === undefined) throw new Error(`no field: ${JSON.stringify(field)}`)
    return [name.toLowerCase(), value.trimEnd()]
  })
  const at = end + 4
  const values = (wanted: string) => fields.filter(([name]) => name === wanted).map(([, value]) => value)
  const [lengths, codings] = [values('content-length'), values('transfer-encoding')]
  if (lengths.length + codings.length > 1) throw new Error(`${line}: more than one framing field`)
  const whole = (body: Buffer, length: number) => ({ answer: { status, fields, body }, length: at + length })
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return whole(Buffer.alloc(0), 0)
  if (codings.length === 1) {
    const chunks = takeChunks(bytes.subarray(at))
    return chunks === undefined ? undefined : whole(chunks.body, chunks.length)
  }
  if (lengths.length === 0) return whole(bytes.subarray(at), bytes.length - at)
  const length = Number(lengths[0])
  return bytes.length - at < length ? undefined : whole(bytes.subarray(at, at + length), length)
}

function takeChunks(bytes: Buffer): { body: Buffer; length: number } | undefined {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at)
    if (end < 0) return undefined
    const length = Number.parseInt(bytes.toString('latin1', at, end), 16)
    if (bytes.length < end + 2 + length + 2) return undefined
    if (length === 0) return { body: Buffer.concat(parts), length: end + 4 }
    parts.push(bytes.subarray(end + 2, end + 2 + length))
    at = end + 2 + length + 2
  }
}
