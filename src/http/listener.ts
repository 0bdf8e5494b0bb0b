import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, ListenOptions, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import type { Hono } from 'hono'

/** Tokens with many roles are long; Glance's own limit for one line (`max_header_line`) is 16 KiB. */
const maxHeaderBytes = 64 * 1024
const headersTimeoutMs = 60_000

export interface Listener {
  readonly host: string
  readonly port: number
  /** Stops accepting, lets what is under way finish for at most `graceMs`, then resets the rest. */
  close(graceMs: number): Promise<void>
}

/** Every open connection, with the number of its requests that are not answered yet. */
type Connections = Map<Socket, number>

// biome-ignore lint/suspicious/noExplicitAny: apps differ in the variables of their contexts only
export type App = Hono<any>

/** Serves a Hono app over HTTP/1.1. Rejects when the address cannot be had. */
export async function listen(app: App, address: Readonly<{ host: string; port: number }>): Promise<Listener> {
  const { server, close } = await bind(app, address)
  const bound = server.address() as AddressInfo // listening on TCP: never a string or null
  return { host: bound.address, port: bound.port, close }
}

/** The same on a Unix socket. Its file must not be there yet; it has gone when `close` has resolved. */
export async function listenOnPath(app: App, path: string): Promise<Pick<Listener, 'close'>> {
  const { close } = await bind(app, { path })
  return { close }
}

async function bind(
  app: App,
  address: ListenOptions,
): Promise<{ server: Server; close: (graceMs: number) => Promise<void> }> {
  const handle = getRequestListener((request, env) => app.fetch(request, env as HttpBindings), {
    overrideGlobalObjects: false,
    // Bodies are streamed to the upstream by us; what is not read ends with its connection.
    autoCleanupIncoming: false,
  })
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headersTimeoutMs,
    // A long upload takes longer than any total time: what is idle is noticed where its bytes are used.
    requestTimeout: 0,
    keepAliveTimeout: 65_000,
    insecureHTTPParser: false,
  })
  const connections: Connections = new Map()
  server.on('connection', (socket: Socket) => {
    connections.set(socket, 0)
    socket.once('close', () => connections.delete(socket))
  })
  const count = ({ socket }: IncomingMessage, outgoing: ServerResponse) => {
    connections.set(socket, (connections.get(socket) ?? 0) + 1)
    outgoing.once('close', () => {
      const running = connections.get(socket)
      if (running !== undefined) connections.set(socket, running - 1)
    })
  }
  server.on('request', count)
  server.on('checkContinue', count)
  server.on('request', handle)
  // `Expect: 100-continue` takes the same way: our 100 goes out when the upstream wants the body.
  server.on('checkContinue', handle)
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
  const deadline = Date.now() + graceMs
  while (!isClosed && Date.now() < deadline) {
    // A kept-alive connection becomes idle when its response has ended. Node's own closeIdleConnections leaves those
    // open that have never sent anything.
    for (const [socket, running] of connections) if (running === 0) socket.destroy()
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
