import { type Agent, request } from 'node:http'

/** An answer as its client saw it. */
export type Got = Readonly<{
  status: number
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: Buffer
  /** The whole declared body came and the connection was not cut. */
  complete: boolean
  /** The system's code when the connection broke: `ECONNRESET` after a reset. */
  broke: string | undefined
}>

export type Ask = Readonly<{
  method?: string
  headers?: Readonly<Record<string, string | string[]>>
  body?: Buffer
  /** Whose connections are used; without one the request has a connection of its own. */
  agent?: Agent
  /** Leave (destroy the connection) once so many body bytes have come. */
  leaveAfter?: number
  /** Called with every piece of the body. */
  onData?: (total: number) => void
}>

/**
 * Asks over a connection of its own and reads everything. A connection that breaks before any answer was seen (a reset
 * also throws away what has arrived but was not read yet) gives status 0.
 */
export function get(url: string, ask: Ask = {}): Promise<Got> {
  const { promise, resolve, reject } = Promise.withResolvers<Got>()
  const { method = 'GET', headers = {}, body, leaveAfter } = ask
  const sent = request(url, { method, headers, agent: ask.agent ?? false }, (answer) => {
    const pieces: Buffer[] = []
    let total = 0
    let broke: string | undefined
    answer.on('data', (piece: Buffer) => {
      pieces.push(piece)
      total += piece.length
      ask.onData?.(total)
      if (leaveAfter !== undefined && total >= leaveAfter) sent.destroy()
    })
    answer.on('error', (error: NodeJS.ErrnoException) => {
      broke = error.code ?? error.message
    })
    answer.on('close', () => {
      const { statusCode = 0, headers: fields, complete } = answer
      resolve({ status: statusCode, headers: fields, body: Buffer.concat(pieces), complete: complete && !broke, broke })
    })
  })
  sent.on('error', (error: NodeJS.ErrnoException) => {
    const broke = error.code ?? error.message
    if (broke === 'ECONNREFUSED') reject(error)
    else resolve({ status: 0, headers: {}, body: Buffer.alloc(0), complete: false, broke })
  })
  sent.end(body)
  return promise
}

export type Opened = Readonly<{
  status: number
  headers: Got['headers']
  /** Everything, once it has come or the connection broke. */
  rest: Promise<Got>
  /** Body bytes so far. */
  received: () => number
  leave: () => void
  /** Takes no more; of an answer that has no byte yet, after its first. */
  pause: () => void
  resume: () => void
}>

/** Like `get`, but gives control as soon as the headers are there. */
export function open(url: string, ask: Ask = {}): Promise<Opened> {
  const { promise, resolve, reject } = Promise.withResolvers<Opened>()
  const { method = 'GET', headers = {}, body } = ask
  const sent = request(url, { method, headers, agent: ask.agent ?? false }, (answer) => {
    const pieces: Buffer[] = []
    let total = 0
    let broke: string | undefined
    const ended = Promise.withResolvers<Got>()
    const status = answer.statusCode ?? 0
    answer.on('data', (piece: Buffer) => {
      pieces.push(piece)
      total += piece.length
    })
    answer.on('error', (error: NodeJS.ErrnoException) => {
      broke = error.code ?? error.message
    })
    answer.on('close', () => {
      const complete = answer.complete && !broke
      ended.resolve({ status, headers: answer.headers, body: Buffer.concat(pieces), complete, broke })
    })
    resolve({
      status,
      headers: answer.headers,
      rest: ended.promise,
      received: () => total,
      leave: () => sent.destroy(),
      pause: () => (total > 0 ? answer.pause() : answer.once('data', () => answer.pause())),
      resume: () => answer.resume(),
    })
  })
  sent.on('error', reject)
  sent.end(body)
  return promise
}
