import { createServer as createPlainServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { deadline } from './deadline.ts'
import { UpstreamAccess } from './upstream-access.ts'
import { sendFile } from './upstream-download.ts'
import { type Fault, type FaultHandle, QueuedFault } from './upstream-fault.ts'
import { type ImageOptions, UpstreamImage } from './upstream-image.ts'
import { UpstreamRequest } from './upstream-request.ts'
import { Wire } from './upstream-wire.ts'
import { deactivated, head, json, notFound, refusal, unauthorized, whole } from './upstream-words.ts'

/** Writes a whole answer by hand; `keep` leaves the connection open for the next request. */
export type Answer = (request: UpstreamRequest, wire: Wire) => Promise<'keep' | 'close' | 'done'>
export type Match = (request: UpstreamRequest) => boolean

const everyImage = '*'

/**
 * A real HTTP/1.1 server that plays Glance in front of images held in memory, and misbehaves on request at exact byte
 * positions. Everything it was asked is kept in `requests`.
 */
export class ScriptedUpstream {
  readonly requests: UpstreamRequest[] = []
  readonly access = new UpstreamAccess()
  /** 400 to any Range after the policy has said yes, as Glance on Ceph, Swift and S3. */
  refuseRanges = false
  /** Connections accepted so far. */
  connections = 0
  url = ''
  readonly #images = new Map<string, UpstreamImage>()
  readonly #faults = new Map<string, QueuedFault[]>()
  readonly #always = new Map<string, Fault>()
  readonly #answers: Array<Readonly<{ match: Match; answer: Answer }>> = []
  readonly #waiting = new Set<() => void>()
  readonly #sockets = new Set<Socket>()

  addImage(options: ImageOptions): UpstreamImage {
    const image = new UpstreamImage(options)
    this.#images.set(image.id, image)
    return image
  }

  /** The same id with other content; `updated_at` is another one unless given. */
  replaceImage(options: ImageOptions): UpstreamImage {
    return this.addImage({ updatedAt: new Date().toISOString(), ...options })
  }

  removeImage(id: string): void {
    this.#images.delete(id)
  }

  allow(id: string, token: string): void {
    this.access.allow(id, token)
  }

  /** Strikes the next GET …/file of this image (`*`: of any) that is not a one-byte question; first in, first out. */
  nextFile(id: string, fault: Fault): FaultHandle {
    const queued = new QueuedFault(fault)
    this.#faults.set(id, [...(this.#faults.get(id) ?? []), queued])
    return queued
  }

  /** Strikes every GET …/file of this image (`*`: of any) for which no other fault is queued; undefined ends it. */
  everyFile(id: string, fault: Fault | undefined): void {
    if (fault === undefined) this.#always.delete(id)
    else this.#always.set(id, fault)
  }

  /** Faults that are queued and have not struck yet never will. */
  forgetFaults(): void {
    this.#faults.clear()
  }

  /** The next request that matches is answered by hand, whatever it is. */
  nextAnswer(match: Match, answer: Answer): void {
    this.#answers.push({ match, answer })
  }

  /** Requests for an image's data, questions included. */
  fileRequests(id: string): UpstreamRequest[] {
    return this.requests.filter((request) => request.method === 'GET' && request.path.endsWith(`/v2/images/${id}/file`))
  }

  /** Requests for an image's data without the one-byte questions. */
  downloads(id: string): UpstreamRequest[] {
    return this.fileRequests(id).filter((request) => !isQuestion(request))
  }

  /** The first request that matches, now or within the deadline. */
  whenRequested(match: Match, ms = 5000): Promise<UpstreamRequest> {
    const found = this.requests.find(match)
    if (found !== undefined) return Promise.resolve(found)
    const arrived = new Promise<UpstreamRequest>((resolve) => {
      const look = () => {
        const request = this.requests.find(match)
        if (request === undefined) return
        this.#waiting.delete(look)
        resolve(request)
      }
      this.#waiting.add(look)
    })
    return deadline(arrived, 'a request that the upstream waits for', ms)
  }

  /** Connections open at this moment. */
  get openConnections(): number {
    return this.#sockets.size
  }

  /** Closes every connection that is idle or busy, as a restart would. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Serves one connection to its end. */
  async serve(socket: Socket): Promise<void> {
    this.connections += 1
    const connection = this.connections
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.setNoDelay(true)
    const wire = new Wire(socket)
    for (;;) {
      const bytes = await wire.readUntil('\r\n\r\n')
      if (bytes === undefined) return
      const request = new UpstreamRequest(wire, connection, bytes.toString('latin1'))
      this.requests.push(request)
      for (const look of this.#waiting) look()
      const next = await this.#answer(request, wire)
      request.answered = true
      if (next === 'done') return
      if (next === 'close' || /close/i.test(request.header('connection') ?? '')) {
        wire.end()
        return
      }
      await request.body()
    }
  }

  async #answer(request: UpstreamRequest, wire: Wire): Promise<'keep' | 'close' | 'done'> {
    const byHand = this.#answers.findIndex(({ match }) => match(request))
    if (byHand >= 0) {
      const [entry] = this.#answers.splice(byHand, 1)
      if (entry !== undefined) return entry.answer(request, wire)
    }
    if (!this.access.valid(request)) {
      await wire.write(unauthorized())
      return 'keep'
    }
    const [, id, rest] = /\/v2\/images\/([^/]+)(\/.*)?$/.exec(request.path) ?? []
    if (id === undefined) return this.#echo(request, wire)
    const image = this.#images.get(id)
    if (image === undefined || !this.access.maySee(id, request)) {
      await request.body()
      await wire.write(notFound(id))
      return 'keep'
    }
    if (rest === undefined) return this.#record(request, wire, image)
    if (rest === '/file' && request.method === 'GET') return this.#file(request, wire, image)
    return this.#action(request, wire, image, rest)
  }

  async #file(request: UpstreamRequest, wire: Wire, image: UpstreamImage): Promise<'keep' | 'close'> {
    if (image.status === 'deactivated') {
      await wire.write(deactivated())
      return 'keep'
    }
    const queued = this.#takeFault(image.id, isQuestion(request))
    return sendFile(wire, image, request.header('range'), {
      refuseRanges: this.refuseRanges,
      queued,
      sending: request,
    })
  }

  #takeFault(id: string, question: boolean): QueuedFault | undefined {
    for (const key of [id, everyImage]) {
      const queue = this.#faults.get(key) ?? []
      const at = queue.findIndex(({ fault }) => !question || fault.question === true)
      if (at >= 0) return queue.splice(at, 1)[0]
    }
    const always = this.#always.get(id) ?? this.#always.get(everyImage)
    return always === undefined || (question && !always.question) ? undefined : new QueuedFault(always)
  }

  async #record(request: UpstreamRequest, wire: Wire, image: UpstreamImage): Promise<'keep'> {
    await request.body()
    if (request.method === 'GET') await wire.write(json(200, image.record()))
    else if (request.method === 'DELETE') {
      this.removeImage(image.id)
      await wire.write(head(204, [['Content-Length', '0']]))
    } else if (request.method === 'PATCH') {
      image.updatedAt = new Date().toISOString()
      await wire.write(json(200, image.record()))
    } else await wire.write(notAllowed('GET, PATCH, DELETE', request.method))
    return 'keep'
  }

  async #action(request: UpstreamRequest, wire: Wire, image: UpstreamImage, rest: string): Promise<'keep'> {
    if (rest === '/file' && request.method !== 'PUT') {
      await wire.write(notAllowed('GET, PUT', request.method))
      return 'keep'
    }
    await request.body()
    if (rest === '/actions/deactivate') image.status = 'deactivated'
    if (rest === '/actions/reactivate') image.status = 'active'
    await wire.write(
      head(204, [
        ['Content-Type', 'text/html; charset=UTF-8'],
        ['Content-Length', '0'],
      ]),
    )
    return 'keep'
  }

  async #echo(request: UpstreamRequest, wire: Wire): Promise<'keep'> {
    const { length, sha256 } = await request.body()
    const { method, target, headers } = request
    const answer = json(200, { method, target, headers, length, sha256 })
    await wire.write(method === 'HEAD' ? answer.slice(0, answer.indexOf('\r\n\r\n') + 4) : answer)
    return 'keep'
  }
}

function isQuestion(request: UpstreamRequest): boolean {
  return request.header('range') === 'bytes=0-0'
}

function notAllowed(allow: string, method: string): string {
  const fields = [['Allow', allow]] as const
  if (method === 'HEAD') return whole(405, '', [['Content-Type', 'text/html; charset=UTF-8'], ...fields])
  return refusal(405, `The method ${method} is not allowed for this resource. `, fields)
}

/** Starts a scripted upstream on a free loopback port; it ends with the test. With `tls` it speaks https. */
export async function startUpstream(
  t: TestContext,
  options: Readonly<{ tls?: TlsOptions }> = {},
): Promise<ScriptedUpstream> {
  const upstream = new ScriptedUpstream()
  const serve = (socket: Socket) => {
    upstream.serve(socket).catch((error: unknown) => {
      socket.destroy()
      t.diagnostic(`the scripted upstream failed: ${String(error)}`)
      process.exitCode = 1
    })
  }
  const server: Server = options.tls === undefined ? createPlainServer(serve) : createTlsServer(options.tls, serve)
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the scripted upstream has no port')
  upstream.url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`
  t.after(async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    upstream.dropConnections()
    await closed
  })
  return upstream
}
