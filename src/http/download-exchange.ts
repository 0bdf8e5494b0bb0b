import type { ImageCache } from '../cache/cache.ts'
import type { Following } from '../cache/following.ts'
import type { Hit } from '../cache/hit.ts'
import { isImageId } from '../cache/image-id.ts'
import type { NotCached } from '../cache/not-cached.ts'
import type { Outcome } from '../cache/turn.ts'
import { UpstreamFailed } from '../cache/upstream-failed.ts'
import type { Caller, HeaderList, Identity, Origin, Refusal } from '../origin/origin.ts'
import { OriginError } from '../origin/origin.ts'
import type { Permission, Permissions } from '../origin/permissions.ts'
import type { Sendfile } from '../sendfile/sendfile.ts'
import { evaluateIfRange } from './conditional.ts'
import type { Exchange } from './exchange.ts'
import { fillBeside } from './fill-beside.ts'
import type { DownloadPath } from './image-paths.ts'
import { type CacheStatus, cacheStatus, entityTag, type Source } from './image-response.ts'
import { originFailure } from './origin-failure.ts'
import { passOn } from './pass-on.ts'
import { answerPlainly } from './plain-answer.ts'
import { isSeveralRanges, parseRange } from './ranges.ts'
import { relayRefusal } from './relay-refusal.ts'
import { type Served, type Serving, serveImage } from './serve-image.ts'

/** A range further ahead of a fill than this goes upstream by itself rather than wait (bytes). */
const farAhead = 64 << 20

/** Why a download was handed on whole, beyond what the cache itself says. */
type PassReason = NotCached | 'range' | 'several-ranges' | 'content-range' | 'another-image'

/** How a download ended, for log and counters. */
export type DownloadReport = Readonly<{
  requestId: string
  image: string
  result: 'hit' | 'miss' | 'joined' | 'pass'
  status: number
  reason?: PassReason | 'not-an-id'
  bytes: number
  bytesFromUpstream: number
  outcome: Served['outcome']
  ms: number
  error?: unknown
}>

export type DownloadTools = Readonly<{
  cache: ImageCache
  origin: Origin
  permissions: Permissions
  rangeMiss: 'pass' | 'fill'
  idleTimeoutMs: number
  /** undefined where the system has none. */
  sendfile: Sendfile | undefined
  report(report: DownloadReport): void
  /** Something of ours failed in mid exchange; the download goes on from the upstream. */
  onFault(error: unknown, image: string): void
  onPermission(answer: 'granted' | Refusal | OriginError): void
}>

/** One client's download of one image, from the question who may read to the last byte. */
export class DownloadExchange {
  readonly #tools: DownloadTools
  readonly #path: DownloadPath
  readonly #serving: Serving
  readonly #started = Date.now()
  #isRangeVoid = false

  constructor(tools: DownloadTools, path: DownloadPath, { incoming, outgoing, caller, requestId }: Exchange) {
    this.#tools = tools
    this.#path = path
    const { origin, idleTimeoutMs, sendfile } = tools
    this.#serving = { id: path.id, incoming, outgoing, caller, requestId, origin, idleTimeoutMs, sendfile }
  }

  async run(): Promise<void> {
    try {
      if (!isImageId(this.#path.id)) return await this.#relay('fwd=bypass', 'not-an-id')
      const { headers } = this.#serving.incoming
      // Glance takes this request field for a range, for old clients' sake; several ranges it refuses in its own words.
      if (headers['content-range'] !== undefined) return await this.#passRelay('content-range')
      if (isSeveralRanges(headers.range)) return await this.#passRelay('several-ranges')
      while (!(await this.#attempt())) {
        if (this.#serving.outgoing.destroyed) return
      }
    } catch (error) {
      if (isUpstreamFault(error) || this.#serving.outgoing.headersSent) this.#fail(error)
      else {
        // Whatever went wrong in here, the upstream may still serve.
        this.#tools.onFault(error, this.#path.id)
        await this.#passRelay('cache-failed')
      }
    }
  }

  /** One look at the cache; false: things changed meanwhile, look again. */
  async #attempt(): Promise<boolean> {
    const { cache } = this.#tools
    const { id, caller } = this.#serving
    const hit = await cache.open(id)
    if (hit !== undefined) return this.#hit(hit)
    if (await this.#isRangeMeant()) return this.#rangeOfUncached()
    const question = this.#tools.permissions.question()
    const turn = cache.enter(id, caller)
    if (turn.role === 'joined') return this.#join(turn.outcome)
    const led = await turn.led
    switch (led.kind) {
      case 'hit':
        led.hit.close()
        return false
      case 'refused':
        return this.#refuse(led.refusal)
      case 'pass':
        if (led.download === undefined) await this.#passRelay(led.reason)
        else await this.#passDownload(led.reason, led.download)
        return true
      case 'following': {
        const { size, md5 } = led.following.record
        question.granted(id, caller, { size, md5 })
        await this.#serve('miss', this.#sourceOf(led.following), 'fwd=miss; stored')
        return true
      }
    }
  }

  async #hit(hit: Hit): Promise<boolean> {
    try {
      const answer = await this.#mayRead()
      if (answer.kind === 'refusal') return this.#refuse(answer)
      if (differs(answer.identity, hit.facts)) {
        hit.close()
        // An answer from before may speak of the image that was replaced: only a new one proves anything.
        if (answer.remembered === true) this.#tools.permissions.drop(hit.id)
        else await this.#tools.cache.outdated(hit.id)
        return false
      }
      const { md5, hashValue } = hit.facts
      const source: Source = { size: hit.size, md5, hashValue, open: () => hit, abandon: () => {} }
      const served = await this.#serve('hit', source, 'hit')
      if (served.outcome === 'complete' && served.bytes > 0) hit.completed()
      return true
    } finally {
      hit.close()
    }
  }

  /** Asked for itself before it joins: what the first one may read, this one may not. */
  async #join(outcome: Promise<Outcome>): Promise<boolean> {
    const answer = await this.#mayRead()
    if (answer.kind === 'refusal') return this.#refuse(answer)
    const joined = await outcome
    if (joined.kind === 'again') return false
    if (joined.kind === 'following') return this.#follow(joined.following, answer.identity)
    await this.#passRelay(joined.reason)
    return true
  }

  async #follow(following: Following, identity: Identity): Promise<boolean> {
    // While the upstream was asked, the fill may have ended: what it left is found by another look.
    if (following.ended) return false
    if (differs(identity, following.record)) await this.#passRelay('another-image')
    else if (following.proven) await this.#serve('hit', this.#sourceOf(following), 'hit')
    else await this.#serve('joined', this.#sourceOf(following), 'fwd=miss; collapsed')
    return true
  }

  /** A range of an image that is not here goes upstream as it is, unless its bytes are arriving anyway. */
  async #rangeOfUncached(): Promise<boolean> {
    const { cache, origin, rangeMiss } = this.#tools
    const { id, caller, incoming } = this.#serving
    const fill = cache.arriving(id)
    if (fill !== undefined) {
      const range = parseRange(incoming.headers.range, fill.record.size)
      const isNear = range.kind !== 'range' || range.start <= fill.received + farAhead
      if (isNear || origin.lacksRanges(id)) {
        const answer = await this.#mayRead()
        return answer.kind === 'refusal' ? this.#refuse(answer) : this.#follow(fill, answer.identity)
      }
    }
    if (rangeMiss === 'fill') void fillBeside(cache, id, caller, this.#tools.onFault)
    await this.#passRelay('range')
    return true
  }

  /** Whether the client wants a range. With If-Range, which Glance ignores, only if the image is still the same. */
  async #isRangeMeant(): Promise<boolean> {
    const { incoming, id, caller, origin } = this.#serving
    if (incoming.headers.range === undefined || this.#isRangeVoid) return false
    if (incoming.headers['if-range'] === undefined) return true
    const described = await origin.describe(id, caller)
    const isSame = described.kind === 'described' && evaluateIfRange(incoming.headers, entityTag(described.record))
    // The whole is wanted from now on, whichever way it is had.
    this.#isRangeVoid = !isSame
    return isSame
  }

  /** The upstream's word for this caller. */
  async #mayRead(): Promise<Permission> {
    const { permissions, onPermission } = this.#tools
    try {
      const answer = await permissions.ask(this.#serving.id, this.#serving.caller)
      onPermission(answer.kind === 'granted' ? 'granted' : answer)
      return answer
    } catch (error) {
      if (error instanceof OriginError) onPermission(error)
      throw error
    }
  }

  #refuse(refusal: Refusal): true {
    relayRefusal(this.#serving.outgoing, refusal, [])
    if (refusal.status === 404) void this.#tools.cache.suspect(this.#serving.id)
    this.#report('pass', { status: refusal.status, bytes: 0, bytesFromUpstream: 0, outcome: 'complete' })
    return true
  }

  async #serve(result: 'hit' | 'miss' | 'joined', source: Source, status: CacheStatus): Promise<Served> {
    const served = await serveImage(this.#serving, source, status)
    this.#report(result, served)
    return served
  }

  #sourceOf(following: Following): Source {
    const { size, md5, hashValue } = following.record
    const open = (end: number, caller: Caller) => following.open(end, caller)
    return { size, md5, hashValue, open, abandon: () => open(size, this.#serving.caller).close() }
  }

  #passRelay(reason: PassReason): Promise<void> {
    return this.#relay(`fwd=miss; detail=${reason}`, reason)
  }

  async #passDownload(reason: PassReason, download: Parameters<typeof passOn>[1]): Promise<void> {
    const { outgoing, idleTimeoutMs } = this.#serving
    const passed = await passOn(outgoing, download, statusField(`fwd=miss; detail=${reason}`), idleTimeoutMs)
    const outcome = passed.complete ? 'complete' : 'failed'
    this.#report('pass', { status: download.status, bytes: 0, bytesFromUpstream: passed.bytes, outcome }, reason)
  }

  async #relay(status: CacheStatus, reason: PassReason | 'not-an-id'): Promise<void> {
    const { incoming, outgoing, caller, origin } = this.#serving
    const dropHeaders = ['if-range', ...(this.#isRangeVoid ? ['range'] : [])]
    const relayed = await origin.relay(incoming, outgoing, {
      caller,
      target: this.#path.target,
      dropHeaders,
      responseHeaders: statusField(status),
    })
    const outcome = relayed.complete ? 'complete' : outgoing.destroyed ? 'client-left' : 'failed'
    this.#report('pass', { status: relayed.status, bytes: 0, bytesFromUpstream: relayed.bytes, outcome }, reason)
  }

  /** The upstream gave no usable answer. Nothing was promised to the client yet, or its connection is reset. */
  #fail(error: unknown): void {
    const { outgoing } = this.#serving
    if (outgoing.destroyed) return
    const [status, explanation] = explain(error)
    answerPlainly(outgoing, status, explanation)
    this.#report('pass', { status, bytes: 0, bytesFromUpstream: 0, outcome: 'failed' }, undefined, error)
  }

  #report(result: DownloadReport['result'], served: Served, reason?: DownloadReport['reason'], error?: unknown): void {
    const cause = error ?? served.error
    this.#tools.report({
      requestId: this.#serving.requestId,
      image: this.#path.id,
      result,
      status: served.status,
      ...(reason === undefined ? {} : { reason }),
      bytes: served.bytes,
      bytesFromUpstream: served.bytesFromUpstream,
      outcome: served.outcome,
      ms: Date.now() - this.#started,
      ...(cause === undefined ? {} : { error: cause }),
    })
  }
}

const statusField = (status: CacheStatus): HeaderList => [['Cache-Status', cacheStatus(status)]]

/** Whether the upstream's current word on an image contradicts what we know of our copy. */
function differs(said: Identity, known: Identity): boolean {
  const sizeDiffers = said.size !== undefined && known.size !== undefined && said.size !== known.size
  const md5Differs =
    said.md5 !== undefined && known.md5 !== undefined && said.md5.toLowerCase() !== known.md5.toLowerCase()
  return sizeDiffers || md5Differs
}

const isUpstreamFault = (error: unknown): boolean => error instanceof OriginError || error instanceof UpstreamFailed

function explain(error: unknown): [status: number, explanation: string] {
  if (error instanceof OriginError) return originFailure(error)
  if (error instanceof UpstreamFailed) return [502, `The image store contradicts itself: ${error.message}.`]
  return [500, 'The cache failed; its log says why.']
}
