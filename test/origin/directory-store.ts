import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import {
  type ClientRequest,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import { join } from 'node:path'
import { openDirectory } from '../../src/origin/directory/directory.ts'
import type { Caller, Origin, Relayed, RelayOptions } from '../../src/origin/origin.ts'
import { deadline, eventually } from '../support/deadline.ts'

export const nobody: Caller = { headers: [], host: undefined, key: undefined, query: '' }

export type Store = AsyncDisposable &
  Readonly<{
    origin: Origin
    port: number
    /** All that the store warned of so far. */
    warnings: string[]
    /** What each relay came to, in the order of their ends. */
    relays: Relayed[]
  }>

/**
 * The store over `dir` behind a real HTTP server that relays everything. Files count as complete at once and each look
 * lists the directory, unless the options say otherwise. Closing it fails if a file in it is still open then.
 */
export async function openStore(
  dir: string,
  options: Partial<Parameters<typeof openDirectory>[0]> = {},
  relayOptions: Partial<RelayOptions> = {},
): Promise<Store> {
  const warnings: string[] = []
  const relays: Relayed[] = []
  const origin = await openDirectory({
    path: dir,
    seedDemo: false,
    onWarning: (message) => warnings.push(message),
    settleMs: 0,
    rescanMs: 0,
    digestWaitMs: 5000,
    digestConcurrency: 1,
    ...options,
  })
  const running = new Set<Promise<void>>()
  const relay = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    relays.push(await origin.relay(incoming, outgoing, { caller: nobody, ...relayOptions }))
  }
  const server = createServer((incoming, outgoing) => {
    const relayed = relay(incoming, outgoing).finally(() => running.delete(relayed))
    running.add(relayed)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin,
    port: portOf(server),
    warnings,
    relays,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      // A client has its last byte before the file is closed.
      await deadline(Promise.all(running), 'the relays end')
      await deadline(Promise.resolve(origin[Symbol.asyncDispose]()), 'the store closes')
      await eventually(() => openFilesIn(dir).length === 0, `every file is closed: ${openFilesIn(dir)}`)
    },
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port')
  return address.port
}

/** The head of the answer to a request that was sent. */
export function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  const answer = Promise.withResolvers<IncomingMessage>()
  outgoing.once('response', answer.resolve)
  outgoing.once('error', answer.reject)
  return deadline(answer.promise, `an answer to ${outgoing.method} ${outgoing.path.slice(0, 100)}`)
}

export function openFilesIn(dir: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(join('/proc/self/fd', fd))
      return path.startsWith(dir) ? [path] : []
    } catch {
      // The descriptor of the listing itself is gone by now.
      return []
    }
  })
}

export type Answered = Readonly<{ status: number; headers: IncomingHttpHeaders; body: Buffer; text: string }>

/** One request with exactly this target; rejects when the answer does not come to its end. */
export async function ask(
  { port }: Store,
  target: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answered> {
  const outgoing = request({ host: '127.0.0.1', port, path: target, method, headers, agent: false })
  outgoing.end(body)
  const incoming = await answerTo(outgoing)
  const chunks: Buffer[] = await deadline(incoming.toArray(), `the end of the answer to ${target.slice(0, 100)}`)
  const whole = Buffer.concat(chunks)
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: whole, text: whole.toString() }
}

/** The record of one image, or of all on the first page. */
export async function record(store: Store, id: string): Promise<Record<string, unknown>> {
  const { status, text } = await ask(store, `/v2/images/${id}`)
  assert.equal(status, 200, text)
  return JSON.parse(text)
}

export type Listing = { images: Record<string, unknown>[]; first: string; next?: string; schema: string }

export async function list(store: Store, query = ''): Promise<Listing> {
  const { status, text } = await ask(store, `/v2/images${query}`)
  assert.equal(status, 200, text)
  return JSON.parse(text)
}
