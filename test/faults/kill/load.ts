import { setTimeout as delay } from 'node:timers/promises'
import { type Got, open } from '../../support/client.ts'
import type { SeededRandom } from '../../support/seeded-random.ts'
import type { Images } from './images.ts'
import { type Download, wrongWith } from './judge.ts'
import type { Marks } from './marks.ts'
import { ask, operate } from './operations.ts'
import type { Server } from './server.ts'

/** For so long (s) a "yes" is remembered for one who shows a token: what the store had then may still be given out. */
export const rememberedFor = 1

const tokens = ['token-of-alice', 'token-of-bob']

export type LoadTools = Readonly<{
  images: Images
  marks: Marks
  random: SeededRandom
  servers: readonly Server[]
  /** Images whose bodies the store breaks off. */
  breaking: ReadonlySet<string>
  /** Left in `incomplete/` before: when whoever goes on with one is killed, nothing can prove it to its other readers. */
  leftOver: ReadonlySet<string>
  prunes: boolean
}>

/** Clients and operators that ask for all kinds of things at once until they are stopped. Judges each answer as it comes. */
export class Load {
  readonly problems: string[] = []
  requests = 0
  readonly #tools: LoadTools
  readonly #hot: string[]
  #stopped = false

  constructor(tools: LoadTools) {
    this.#tools = tools
    const { random, images } = tools
    this.#hot = Array.from({ length: 10 }, () => random.pick(images.ids))
  }

  /** One client; resolves when it has been stopped and its last request has ended. */
  async client(): Promise<void> {
    while (!this.#stopped) {
      const servers = this.#tools.servers.filter(({ isGone }) => !isGone)
      if (servers.length === 0) return
      const operation = this.#tools.random.pick(this.#operations)
      this.requests++
      await operation(this.#tools.random.pick(servers), this.#anId())
    }
  }

  stop(): void {
    this.#stopped = true
  }

  #anId(): string {
    const { random, images } = this.#tools
    return random.pick(random.between(0, 3) === 0 ? images.ids : this.#hot)
  }

  readonly #operations = weighted<(server: Server, id: string) => Promise<unknown>>([
    [30, (server, id) => this.#download(server, id, {})],
    [10, (server, id) => this.#download(server, id, { 'x-auth-token': this.#tools.random.pick(tokens) })],
    [12, (server, id) => this.#range(server, id)],
    [4, (server, id) => this.#conditional(server, id)],
    [4, (server, id) => this.#ifRange(server, id)],
    [4, (server, id) => this.#head(server, id)],
    [4, (server, id) => this.#leave(server, id)],
    [3, (server, id) => this.#slowly(server, id)],
    [2, (server, id) => this.#delete(server, id)],
    [3, (_, id) => this.#change(id)],
    [3, (server, id) => this.#operate(server, 'DELETE', `/v2/cached_images/${id}`, id)],
    [4, (server, id) => this.#operate(server, 'PUT', `/v2/cache/${id}`)],
    [4, (server, id) => this.#operate(server, 'PUT', `/v2/queued_images/${id}`)],
    [2, (server, id) => this.#operate(server, 'DELETE', `/v2/queued_images/${id}`)],
    [2, (server) => this.#operate(server, 'POST', '/api/v1/cache/prefetch')],
    [2, (server, id) => this.#operate(server, 'POST', `/api/v1/cache/images/${id}/verify`)],
    [1, (server, id) => this.#operate(server, 'PUT', `/api/v1/cache/images/${id}/pin`)],
    [1, (server, id) => this.#operate(server, 'DELETE', `/api/v1/cache/images/${id}/pin`)],
    [2, (server) => this.#operate(server, 'GET', '/v2/cache')],
    [2, (server) => this.#operate(server, 'POST', '/v2/cache/clean')],
    [2, (server) => this.#prune(server)],
  ])

  async #download(
    server: Server,
    id: string,
    headers: Record<string, string>,
    more: Readonly<{
      range?: Download['range']
      get?: (url: string, onData: () => void) => Promise<Got>
      left?: boolean
    }> = {},
  ): Promise<void> {
    const { images, marks, breaking, leftOver, servers } = this.#tools
    const { range, left = false } = more
    const url = `${server.url}/v2/images/${id}/file`
    marks.wasAsked(id)
    const begin = performance.now()
    let answeredAt: number | undefined
    const onData = () => {
      answeredAt ??= performance.now()
    }
    const got = await (more.get?.(url, onData) ?? ask(url, { headers, onData }))
    const end = performance.now()
    const asked: Download = { id, begin, end, headers, got, left, ...(range && { range }) }
    const since = begin - ('x-auth-token' in headers ? rememberedFor * 1000 : 0)
    const isOf = (other: Server) => other === server || leftOver.has(id)
    const excuses = {
      struck: servers.some((other) => isOf(other) && other.wasStruck(begin, end, answeredAt)),
      breaks: breaking.has(id),
      corrupt: marks.corrupt.has(id),
    }
    const problem = wrongWith(asked, images.during(id, since, end), excuses)
    if (problem !== undefined) this.problems.push(`GET ${id} ${JSON.stringify(headers)}: ${problem}`)
  }

  #range(server: Server, id: string): Promise<void> {
    const { images, random } = this.#tools
    const size = images.now(id)?.size ?? 100_000
    const start = random.between(0, size)
    const end = random.between(0, 2) === 0 ? undefined : start + random.pick([0, random.between(0, size)])
    const headers = { range: `bytes=${start}-${end ?? ''}` }
    return this.#download(server, id, headers, { range: { start, end } })
  }

  #conditional(server: Server, id: string): Promise<void> {
    return this.#download(server, id, { 'if-none-match': this.#tools.images.now(id)?.etag ?? '"none"' })
  }

  #ifRange(server: Server, id: string): Promise<void> {
    const { images, random } = this.#tools
    const etag = random.pick([images.now(id)?.etag ?? '"none"', '"another"'])
    const range = { start: 1000, end: 5000 }
    return this.#download(server, id, { range: 'bytes=1000-5000', 'if-range': etag }, { range })
  }

  async #head(server: Server, id: string): Promise<void> {
    const begin = performance.now()
    const got = await ask(`${server.url}/v2/images/${id}/file`, { method: 'HEAD' })
    this.#expect(server, begin, got, 'HEAD', [200, 404, 405])
  }

  #leave(server: Server, id: string): Promise<void> {
    const leaveAfter = this.#tools.random.between(1, 300_000)
    return this.#download(server, id, {}, { get: (url, onData) => ask(url, { leaveAfter, onData }), left: true })
  }

  /** A client that takes nothing for a while, and has its image open meanwhile. */
  #slowly(server: Server, id: string): Promise<void> {
    const slow = async (url: string, onData: () => void): Promise<Got> => {
      const opened = await open(url).catch(() => undefined)
      if (opened === undefined) return ask(url, { onData })
      onData()
      // Before its first byte it would be paused later, and for good.
      if (opened.received() > 0) opened.pause()
      await delay(this.#tools.random.between(5, 60))
      opened.resume()
      return opened.rest
    }
    return this.#download(server, id, {}, { get: slow })
  }

  async #delete(server: Server, id: string): Promise<void> {
    const { images, marks } = this.#tools
    marks.changed(id)
    await marks.removing(id, () => this.#operate(server, 'DELETE', `/v2/images/${id}`))
    marks.changed(id)
    if (images.now(id) === undefined) images.make(id)
  }

  /** Behind the cache's back. */
  async #change(id: string): Promise<void> {
    const { images, marks, random } = this.#tools
    marks.changed(id)
    if (images.now(id) !== undefined && random.between(0, 3) === 0) images.remove(id)
    else images.make(id)
  }

  async #prune(server: Server): Promise<void> {
    if (this.#tools.prunes) await this.#tools.marks.pruning(() => this.#operate(server, 'POST', '/v2/cache/prune'))
  }

  async #operate(server: Server, method: string, path: string, removed?: string): Promise<void> {
    const begin = performance.now()
    const work = () => operate(server, method, path)
    const got = await (removed === undefined ? work() : this.#tools.marks.removing(removed, work))
    this.#expect(server, begin, got, `${method} ${path}`, [200, 202, 204, 404])
  }

  #expect(server: Server, begin: number, got: Got, what: string, statuses: readonly number[]): void {
    if (server.wasStruck(begin, performance.now(), undefined)) return
    if (statuses.includes(got.status) && got.complete) return
    this.problems.push(`${what}: ${got.status} ${got.broke ?? ''} ${got.body.toString('latin1', 0, 300)}`)
  }
}

function weighted<T>(choices: ReadonlyArray<readonly [weight: number, choice: T]>): T[] {
  return choices.flatMap(([weight, choice]) => Array.from({ length: weight }, () => choice))
}
