import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, ListenOptions, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { endBroken, endInMidAnswer, type UnderWay } from './broken-request.ts'
import { inTurn } from './in-turn.ts'

/** Tokens with many roles are long; Glance's own limit for one line (`max_header_line`) is 16 KiB. */
const maxHeaderBytes = 64 * 1024
const headersTimeoutMs = 60_000

export interface Listener {
  readonly host: string
  readonly port: number
  /** Stops accepting, lets what is under way finish for at most `graceMs`, then resets the rest. */
  close(graceMs: number): Promise<void>
}

/** Every open connection; undefined: nothing has been asked on it yet. */
type Connections = Map<Socket, UnderWay | undefined>

/** Answers a request, sooner or later; never throws. */
export type App = RequestListener

/** Serves an app over HTTP/1.1. Rejects when the address cannot be had. */
export async function listen(app: App, address: Readonly<{ host: string; port: number }>): Promise<Listener> {
  const { server, close } = await bind(app, address)
  const bound = server.address() as AddressInfo // listening on TCP: never a string or null
  return { host: bound.address, port: bound.port, close }
}

/** The same; what it rejects with names the address. */
export async function listenOrExplain(app: App, address: Readonly<{ host: string; port: number }>): Promise<Listener> {
  try {
    return await listen(app, address)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : cause
    throw new Error(`cannot listen on ${address.host}:${address.port}: ${why}`, { cause })
  }
}

/** The same on a Unix socket. Its file must not be there yet; it has gone when `close` has resolved. */
export async function listenOnPath(app: App, path: string): Promise<Pick<Listener, 'close'>> {
  // A worker binds it by itself: the primary of its cluster would look for the path among its own descriptors.
  const { close } = await bind(app, { path, exclusive: true })
  return { close }
}

async function bind(
  app: App,
  address: ListenOptions,
): Promise<{ server: Server; close: (graceMs: number) => Promise<void> }> {
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headersTimeoutMs,
    // A long upload takes longer than any total time: what is idle is noticed where its bytes are used.
    requestTimeout: 0,
    keepAliveTimeout: 65_000,
    // A request without a body, as nearly all are, is spared the life of a stream.
    optimizeEmptyRequests: true,
    insecureHTTPParser: false,
    // Looked at with all else that makes a request doubtful: Node would answer, and go on with what lies behind it.
    requireHostHeader: false,
  })
  const connections: Connections = new Map()
  server.on('connection', (socket: Socket) => {
    connections.set(socket, undefined)
    socket.once('close', () => connections.delete(socket))
    // A client that sends no more has left, as far as can be told. Before Node hears of it, which would end the answer
    // in order, wherever it is; and a connection that is being ended cannot be reset any more.
    socket.prependOnceListener('end', () => {
      const underWay = connections.get(socket)
      if (underWay !== undefined && underWay.running > 0) endInMidAnswer(socket, underWay)
    })
  })
  const run = inTurn(app)
  const handle: App = (incoming, outgoing) => {
    const { socket } = incoming
    const underWay = Object.assign(connections.get(socket) ?? { running: 0 }, { incoming, outgoing })
    underWay.running += 1
    connections.set(socket, underWay)
    outgoing.on('close', () => {
      underWay.running -= 1
    })
    run(incoming, outgoing)
  }
  server.on('request', handle)
  // `Expect: 100-continue` takes the same way: our 100 goes out when the upstream wants the body.
  server.on('checkContinue', handle)
  server.on('checkExpectation', handle)
  // Only TCP and Unix sockets are listened on.
  server.on('clientError', (error, socket) => endBroken(error, socket as Socket, connections.get(socket as Socket)))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return { server, close: (graceMs) => end(server, connections, graceMs) }
}

async function end(server: Server, connections: Connections, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  let isClosed = false
  void closed.then(() => {
    isClosed = true
  })
  // By time that passes: the clock may be set meanwhile.
  const deadline = performance.now() + graceMs
  while (!isClosed && performance.now() < deadline) {
    // A kept-alive connection becomes idle when its response has ended. Node's own closeIdleConnections leaves those
    // open that have never sent anything.
    for (const [socket, underWay] of connections) if (!underWay?.running) socket.destroy()
    await Promise.race([closed, delay(50, undefined, { ref: false })])
  }
  // Not closeAllConnections: it closes in order, and what was cut off could look complete.
  for (const socket of connections.keys()) {
    try {
      socket.resetAndDestroy()
    } catch {
      // Only TCP has resets.
      socket.destroy()
    }
  }
  await closed
}
