import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { cleanup } from '../../support/cleanup.ts'
import { Wire } from '../../support/upstream-wire.ts'
import { type Part, play } from './parts.ts'
import { head, type Kind, kindOf, type RightAnswer, rightAnswer } from './right-answer.ts'
import { type Declared, StoreImage } from './store-image.ts'

/** What becomes of a right answer. */
export type Script = (right: RightAnswer) => readonly Part[]

/** Strikes the next `times` requests of this kind for its image. */
export type Strike = {
  kind: Kind
  script: Script
  times: number
  /** The answer begins when this has resolved. */
  after?: Promise<unknown>
}

/** One request as the store got it. */
export type Asked = Readonly<{
  kind: Kind
  id: string
  method: string
  target: string
  range: string | undefined
  head: string
}>

const never: Script = (right) => [head(right), right.body]

/**
 * A raw TCP server that plays Glance and breaks its answers at exact bytes. Each image has its own faults, so that many
 * cases share one store. A connection goes on for as long as the script leaves it whole.
 */
export class HostileStore {
  readonly asked: Asked[] = []
  /** Bytes of endless answers that were taken, by image. */
  readonly poured = new Map<string, number>()
  url = ''
  readonly #images = new Map<string, StoreImage>()
  readonly #strikes = new Map<string, Strike[]>()
  readonly #sockets = new Set<Socket>()
  readonly #watching = new Set<() => void>()
  #server: Server | undefined
  #port = 0

  add(id: string, bytes: Buffer, declared?: Declared): StoreImage {
    const image = new StoreImage(id, bytes, declared)
    this.#images.set(id, image)
    return image
  }

  strike(id: string, strike: Strike): void {
    this.#strikes.set(id, [...(this.#strikes.get(id) ?? []), strike])
  }

  /** From now on it answers as it should. */
  heal(id: string): void {
    this.#strikes.delete(id)
  }

  /** Open at this moment. */
  get connections(): number {
    return this.#sockets.size
  }

  /** Strikes for this image that have not happened. */
  left(id: string): number {
    return (this.#strikes.get(id) ?? []).filter(({ times }) => times > 0 && times !== Number.POSITIVE_INFINITY).length
  }

  of(id: string, ...kinds: Kind[]): Asked[] {
    return this.asked.filter((asked) => asked.id === id && (kinds.length === 0 || kinds.includes(asked.kind)))
  }

  /** Resolves when so many requests of this kind have come for the image. */
  async whenAsked(id: string, kind: Kind, count: number): Promise<void> {
    while (this.of(id, kind).length < count) {
      await new Promise<void>((resolve) => this.#watching.add(resolve))
    }
  }

  async listen(): Promise<void> {
    const server = createServer((socket) => void this.#serve(socket))
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the hostile store has no port')
    this.#port = address.port
    this.#server = server
    this.url = `http://127.0.0.1:${address.port}`
  }

  /** Ends every connection and refuses new ones, until `listen` is called again. */
  async hide(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await closed
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.setNoDelay(true)
    const wire = new Wire(socket)
    for (;;) {
      const bytes = await wire.readUntil('\r\n\r\n')
      if (bytes === undefined || !(await this.#answer(wire, bytes.toString('latin1')))) return
    }
  }

  async #answer(wire: Wire, text: string): Promise<boolean> {
    const [method = '', target = ''] = text.split(' ', 2)
    const [path = ''] = target.split('?', 1)
    const range = /^range: *(.*)\r$/im.exec(text)?.[1]
    const kind = kindOf(method, path, range)
    const id = /[0-9a-f-]{36}/.exec(target)?.[0] ?? ''
    this.asked.push({ kind, id, method, target, range, head: text })
    const watching = [...this.#watching]
    this.#watching.clear()
    for (const look of watching) look()
    const strike = this.#strikes.get(id)?.find((queued) => queued.kind === kind && queued.times > 0)
    const answer = rightAnswer(this.#images.get(id), kind, range)
    const right = method === 'HEAD' ? { ...answer, body: Buffer.alloc(0) } : answer
    if (strike !== undefined) strike.times--
    await strike?.after
    const { goesOn, poured } = await play(wire, (strike?.script ?? never)(right))
    if (poured > 0) this.poured.set(id, (this.poured.get(id) ?? 0) + poured)
    return goesOn
  }
}

/** Starts a hostile store on a free loopback port; it ends with the test. */
export async function startStore(t: TestContext): Promise<HostileStore> {
  const store = new HostileStore()
  await store.listen()
  cleanup(t, () => store.hide())
  return store
}
