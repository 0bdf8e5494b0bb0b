import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** A request that has passed, as it was sent. */
export type PassedRequest = Readonly<{ line: string; range: string | undefined }> & {
  /** Bytes of the answer, header included, that have been let through so far. */
  answered: number
}

type Matches = (request: PassedRequest) => boolean

/** Stops answers on their way. */
export interface Barrier {
  /** Resolves when the first of them has been stopped. */
  readonly reached: Promise<void>
  /** Lets them go on, and stops no more. */
  open(): void
}

/** A TCP relay between the proxy and Glance: it writes down what is asked, and can be slow, stop or break. */
export interface Relay extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly PassedRequest[]
  /** Holds answers to matching requests after so many bytes; other answers pass. */
  hold(matches: Matches, afterBytes: number): Barrier
  /** Resets the connection of the first matching answer after so many bytes. */
  cut(matches: Matches, afterBytes: number): void
  /** Resets every connection, new ones too, until it is mended: the store cannot be reached. */
  break(): Readonly<{ mend(): void }>
}

export const isWholeDownload: Matches = ({ line, range }) => /^GET \S+\/file /.test(line) && range === undefined
/** Anything but the one byte that asks whether a caller may read. */
export const isDownload: Matches = ({ line, range }) => /^GET \S+\/file /.test(line) && range !== 'bytes=0-0'

type Fault = Readonly<{ matches: Matches; afterBytes: number; strike: (answer: Socket) => Promise<void> | undefined }>

/** `bytesPerSecond` limits all answers together, as one link would. */
export async function startRelay(targetUrl: string, bytesPerSecond = Number.POSITIVE_INFINITY): Promise<Relay> {
  const { hostname, port } = new URL(targetUrl)
  const requests: PassedRequest[] = []
  const faults = new Set<Fault>()
  const sockets = new Set<Socket>()
  const slow = limiter(bytesPerSecond)
  let isBroken = false

  const server = createServer({ noDelay: true }, (client) => {
    if (isBroken) {
      client.resetAndDestroy()
      return
    }
    const upstream = connect({ host: hostname, port: Number(port), noDelay: true })
    let current: PassedRequest | undefined
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    }
    // A reset on one side is a reset on the other.
    client.on('error', () => upstream.resetAndDestroy())
    upstream.on('error', () => client.resetAndDestroy())
    client.on('close', () => upstream.destroy())
    client.on('data', (bytes) => {
      const request = readHead(bytes)
      if (request !== undefined) {
        requests.push(request)
        current = request
      }
      upstream.write(bytes)
    })
    async function answer() {
      for await (const bytes of upstream) {
        await slow(bytes.length)
        const request = current
        const fault = request && [...faults].find((one) => strikes(one, request, bytes.length))
        if (fault) await fault.strike(client)
        if (request) request.answered += bytes.length
        if (!client.write(bytes)) await once(client, 'drain')
      }
      client.end()
    }
    // Ends with an error when either side does: the sockets' own handlers have seen to it.
    answer().catch(() => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the relay has no port')

  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    hold(matches, afterBytes) {
      const { promise: opened, resolve: release } = Promise.withResolvers<void>()
      const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
      const fault: Fault = {
        matches,
        afterBytes,
        strike() {
          reach()
          return opened
        },
      }
      faults.add(fault)
      return {
        reached,
        open() {
          faults.delete(fault)
          release()
        },
      }
    },
    cut(matches, afterBytes) {
      const fault: Fault = {
        matches,
        afterBytes,
        async strike(client) {
          faults.delete(fault)
          client.resetAndDestroy()
        },
      }
      faults.add(fault)
    },
    break() {
      isBroken = true
      for (const socket of sockets) socket.resetAndDestroy()
      return {
        mend() {
          isBroken = false
        },
      }
    },
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}

function strikes({ matches, afterBytes }: Fault, request: PassedRequest, next: number): boolean {
  return request.answered + next > afterBytes && matches(request)
}

/** A head comes in one piece, and what begins like one is one: nothing is pipelined, and bodies here are random bytes. */
function readHead(bytes: Buffer): PassedRequest | undefined {
  const line = /^[A-Z]+ \S+ HTTP\/1\.1(?=\r\n)/.exec(bytes.toString('latin1', 0, 4096))?.[0]
  if (line === undefined) return undefined
  const head = bytes.toString('latin1').split('\r\n\r\n', 1).join('')
  return { line, range: /^range: *(.*)$/im.exec(head)?.[1], answered: 0 }
}

/** Waits as long as a link of this speed is busy with what it was given before. Timers are coarse: it sums up 5 ms. */
function limiter(bytesPerSecond: number): (bytes: number) => Promise<void> {
  let free = performance.now()
  return async (bytes) => {
    const now = performance.now()
    // A timer that is late is made up for, or the link would be slower than it says on a busy machine.
    free = Math.max(free, now - 50) + (bytes / bytesPerSecond) * 1000
    if (free - now > 5) await delay(free - now)
  }
}
