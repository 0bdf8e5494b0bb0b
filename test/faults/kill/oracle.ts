import { setTimeout as delay } from 'node:timers/promises'
import { deadline } from '../../support/deadline.ts'
import type { SeededRandom } from '../../support/seeded-random.ts'
import type { Disk } from './disk.ts'
import type { Images } from './images.ts'
import { wrongWith } from './judge.ts'
import type { Marks } from './marks.ts'
import { ask, type CachedImage, gauges, listed } from './operations.ts'
import type { Server } from './server.ts'

/** What a fill that a start goes on with may take until all is at rest (ms). */
const restMs = 10_000

/** What was there when a server was killed: all of it must be there after it. */
export type Before = Readonly<{ ids: readonly string[] }>

/** Compares the cache with what it must hold, when nobody asks it for anything. */
export class Oracle {
  readonly #tools: Readonly<{ disk: Disk; images: Images; marks: Marks; random: SeededRandom }>
  /** Shown to be hits since they were committed. */
  readonly #shown = new Map<string, string>()
  hits = 0

  constructor(tools: Readonly<{ disk: Disk; images: Images; marks: Marks; random: SeededRandom }>) {
    this.#tools = tools
  }

  /** Called in the moment before a kill. `mayEvict`: images go to make room for others, without being asked about. */
  before(mayEvict: boolean): Before {
    const { disk, marks } = this.#tools
    const isFree = mayEvict || marks.prunes > 0
    if (isFree) for (const id of disk.committed()) marks.unproven.add(id)
    return { ids: isFree ? [] : disk.committed().filter((id) => !marks.isBeingRemoved(id)) }
  }

  /** Throws when something is not as it must be. `isRestarted`: every server that had the directory is gone. */
  async check(server: Server, before: Before, isRestarted: boolean, mayEvict: boolean): Promise<void> {
    const { disk, images, marks } = this.#tools
    const end = performance.now() + restMs
    let found = await this.#look(server, isRestarted)
    while (found.wrong.length > 0 && performance.now() < end) {
      await delay(20)
      found = await this.#look(server, isRestarted)
    }
    const wrong = [...found.wrong]
    const there = new Map(found.cached.map((image) => [image.id, image]))
    const mayBeGone = (id: string) => marks.stale.has(id) || (mayEvict && disk.names('queue').length > 0)
    for (const id of before.ids) if (!there.has(id) && !mayBeGone(id)) wrong.push(`${id} was committed and has gone`)
    for (const { id, md5 } of found.cached) {
      const onDisk = disk.md5(id)
      if (onDisk === undefined) continue
      if (!images.everHad(id, onDisk)) wrong.push(`${id} has bytes on disk that the store never had`)
      if (md5 !== undefined && md5 !== onDisk) wrong.push(`${id} has other bytes on disk than its facts say`)
    }
    for (const id of disk.names('invalid')) if (!marks.suspect.has(id)) wrong.push(`invalid/${id} without wrong bytes`)
    const proven = new Set(found.cached.filter((image) => image.verified_at !== undefined).map(({ id }) => id))
    for (const { id } of found.cached) {
      if (!proven.has(id) && !marks.unproven.has(id)) wrong.push(`${id} is not proven any more`)
    }
    marks.settle(disk, images, proven)
    wrong.push(...(await this.#hits(server, found.cached, proven, mayEvict)))
    if (wrong.length > 0) throw new Error(wrong.join('\n'))
  }

  async #look(server: Server, isRestarted: boolean): Promise<{ cached: CachedImage[]; wrong: string[] }> {
    const { disk, marks } = this.#tools
    const wrong: string[] = []
    const must = (holds: boolean, words: string) => void (holds || wrong.push(words))
    const { images: cached, queue } = await deadline(listed(server), 'the lists')
    const gauge = await deadline(gauges(server), 'the metrics')
    const onDisk = disk.committed()
    const bytes = onDisk.reduce((sum, id) => sum + (disk.size(id) ?? 0), 0)
    const ids = cached.map(({ id }) => id)
    must(same(ids, onDisk), `listed ${ids.length}: ${differ(ids, onDisk)} on disk`)
    must(gauge.images === onDisk.length, `counted as cached ${gauge.images}, on disk ${onDisk.length}`)
    must(gauge.bytes === bytes, `bytes counted as used ${gauge.bytes}, on disk ${bytes}`)
    for (const { id, size, hits } of cached) {
      must(size === disk.size(id), `${id} is listed with ${size} bytes, has ${disk.size(id)}`)
      must(Number.isSafeInteger(hits) && hits >= 0, `${id} has ${hits} hits`)
      must(hits <= (marks.asked.get(id) ?? 0), `${id} has ${hits} hits, was asked for ${marks.asked.get(id)} times`)
    }
    must(new Set(queue).size === queue.length, `queued twice: ${queue}`)
    const queueFiles = disk.names('queue')
    must(same([...queue].sort(), queueFiles), `queued: ${differ(queue, queueFiles)} on disk`)
    const proven = new Set(cached.filter((image) => image.verified_at !== undefined).map(({ id }) => id))
    if (isRestarted) for (const id of queue) must(!proven.has(id), `${id} is queued although it is cached`)
    wrong.push(...disk.unexplained())
    return { cached, wrong }
  }

  /** Asks for what is cached: all that was never shown to be a hit, and some that was. */
  async #hits(
    server: Server,
    cached: readonly CachedImage[],
    proven: ReadonlySet<string>,
    mayEvict: boolean,
  ): Promise<string[]> {
    const { disk, images, marks, random } = this.#tools
    const wrong: string[] = []
    for (const { id } of cached) {
      const md5 = disk.md5(id)
      if (md5 === undefined || marks.stale.has(id) || md5 !== images.now(id)?.md5) continue
      if (this.#shown.get(id) === md5 && random.between(0, 5) > 0) continue
      marks.wasAsked(id)
      const begin = performance.now()
      const got = await deadline(ask(`${server.url}/v2/images/${id}/file`), `${id} is answered`)
      const asked = { id, begin, end: performance.now(), headers: {}, got, left: false }
      const problem = wrongWith(asked, [images.now(id)], { struck: false, breaks: false, corrupt: false })
      if (problem !== undefined) wrong.push(`${id}: ${problem}`)
      const status = got.headers['cache-status']
      if (status !== 'afterimage; hit' && proven.has(id) && !mayEvict)
        wrong.push(`${id} is cached, and no hit: ${status}`)
      this.#shown.set(id, md5)
      this.hits++
    }
    return wrong
  }
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((value, index) => value === b[index])

const differ = (a: readonly string[], b: readonly string[]): string =>
  `[${a.filter((value) => !b.includes(value))}] not, [${b.filter((value) => !a.includes(value))}] only`
