import { Readable } from 'node:stream'
import { type Dispatcher, request } from 'undici'

export type Ask = Readonly<{
  method?: Dispatcher.HttpMethod
  token?: string
  headers?: Record<string, string>
  /** Sent as JSON. */
  json?: unknown
  body?: string | Buffer | AsyncIterable<Buffer>
}>

export type Answer = Readonly<{ status: number; headers: Record<string, string | string[] | undefined>; body: Buffer }>

/** One request whose answer is small. */
export async function ask(url: string, { method = 'GET', token, headers = {}, json, body }: Ask = {}): Promise<Answer> {
  const sent = {
    ...(json !== undefined && { 'content-type': 'application/json' }),
    ...(token !== undefined && { 'x-auth-token': token }),
    ...headers,
  }
  // A connection of its own: a server that a test has killed or stopped must not haunt the next request.
  const response = await request(url, {
    method,
    headers: sent,
    body: bodyOf(json, body),
    reset: true,
  })
  return {
    status: response.statusCode,
    headers: response.headers,
    body: Buffer.from(await response.body.arrayBuffer()),
  }
}

function bodyOf(json: unknown, body: Ask['body']): string | Buffer | Readable | null {
  if (json !== undefined) return JSON.stringify(json)
  if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) return body ?? null
  return Readable.from(body)
}

/** The same, and any answer but a success is an error. */
export async function mustAsk(url: string, options?: Ask): Promise<Answer> {
  const answer = await ask(url, options)
  if (answer.status < 300) return answer
  throw new Error(`${options?.method ?? 'GET'} ${url} answered ${answer.status}: ${answer.body}`)
}

/** A string out of a JSON answer. */
export function textAt(answer: Answer, ...path: string[]): string {
  let found: unknown = JSON.parse(answer.body.toString())
  for (const name of path) {
    // An object may be asked for any name.
    found = typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[name] : undefined
  }
  if (typeof found === 'string') return found
  throw new Error(`no text at ${path.join('.')} in ${answer.body}`)
}
