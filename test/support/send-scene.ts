import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { ImageReader, Lease } from '../../src/cache/reader.ts'
import { sendBody } from '../../src/http/send.ts'
import type { Sent } from '../../src/http/sent.ts'
import type { Sendfile } from '../../src/sendfile/sendfile.ts'
import { cleanup } from './cleanup.ts'
import type { Content } from './upstream-bytes.ts'

/** What a reader under test has been asked for, and what it has lent and not got back. */
export interface WatchedReader extends ImageReader {
  readonly asked: ReadonlyArray<Readonly<{ position: number; max: number }>>
  /** Bytes out on leases now, and their number. */
  readonly lent: number
  readonly leases: number
  readonly mostLent: number
}

/** How a read is answered: a lease is made of bytes by `lend`, which counts. */
export type Answering = (
  position: number,
  max: number,
  lend: (bytes: Uint8Array) => Lease,
) => ReturnType<ImageReader['read']>

/** A reader of `content` that keeps count, and throws when a lease is released twice. */
export function watchedReader(content: Content, answering?: Answering): WatchedReader {
  const asked: { position: number; max: number }[] = []
  let lent = 0
  let leases = 0
  let mostLent = 0
  const lend = (bytes: Uint8Array): Lease => {
    let released = false
    lent += bytes.length
    leases++
    mostLent = Math.max(mostLent, lent)
    return {
      bytes,
      release() {
        if (released) throw new Error('a lease was released twice')
        released = true
        lent -= bytes.length
        leases--
      },
    }
  }
  const answer = answering ?? ((position, max) => Promise.resolve(lend(content.slice(position, max))))
  return {
    size: content.size,
    read(position, max) {
      asked.push({ position, max })
      return answer(position, max, lend)
    },
    span: () => undefined,
    close() {},
    asked,
    get lent() {
      return lent
    },
    get leases() {
      return leases
    },
    get mostLent() {
      return mostLent
    },
  }
}

export type Scene = Readonly<{
  reader: ImageReader
  start?: number
  end?: number
  idleTimeoutMs?: number
  sendfile?: Sendfile | undefined
  tls?: Readonly<{ key: Buffer; cert: Buffer }>
  /** Runs before the body is sent. */
  before?: (outgoing: ServerResponse) => void
  /** Runs when sending has failed; the response is still open. */
  goOn?: (outgoing: ServerResponse, sent: Sent) => void
}>

export interface SendServer {
  readonly server: Server
  readonly port: number
  readonly url: string
  /** How each response ended, in the order in which their sending began. */
  readonly sent: ReadonlyArray<Promise<Sent>>
  /** Resolves with the nth (from 0) as soon as it has begun, then ended. */
  outcome(index?: number): Promise<Sent>
}

/** A real server that answers every request with the bytes of one reader. */
export async function sendServer(t: TestContext, scene: Scene): Promise<SendServer> {
  const { reader, start = 0, end = reader.size, idleTimeoutMs = 60_000, sendfile } = scene
  const sent: Promise<Sent>[] = []
  const begun: PromiseWithResolvers<void>[] = []
  const begin = (index: number) => {
    begun[index] ??= Promise.withResolvers<void>()
    return begun[index]
  }
  const answer: RequestListener = (_, outgoing) => {
    scene.before?.(outgoing)
    outgoing.writeHead(200, { 'Content-Length': String(end - start) })
    const ended = sendBody(outgoing, reader, start, end, { idleTimeoutMs, sendfile })
    begin(sent.push(ended) - 1).resolve()
    void ended.then((result) => {
      if (result.outcome === 'failed') scene.goOn?.(outgoing, result)
    })
  }
  const server = scene.tls === undefined ? createServer(answer) : createTlsServer(scene.tls, answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanup(t, () => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const { port } = address
  return {
    server,
    port,
    url: `${scene.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/`,
    sent,
    async outcome(index = 0) {
      await begin(index).promise
      const ended = sent[index]
      if (ended === undefined) throw new Error(`response ${index} has not begun`)
      return ended
    },
  }
}

/** A client on a bare connection that sends `requests` requests at once and reads nothing until it is resumed. */
export function bareClient(t: TestContext, port: number, requests = 1): Socket {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.pause()
  socket.on('error', () => {}) // resets are looked at by the tests that expect them
  socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(requests))
  cleanup(t, () => socket.destroy())
  return socket
}
