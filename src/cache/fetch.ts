import type { Caller, Origin } from '../origin/origin.ts'
import { abortable } from './abortable.ts'
import type { FillOutcome } from './events.ts'
import { Fill } from './fill.ts'
import { ForeignFill } from './foreign-fill.ts'
import type { NotCached } from './not-cached.ts'
import type { First, Outcome, Turn } from './turn.ts'

/** How a fetch came out. Only after `committed` and `cached` is the image in the cache, proven. */
export type Fetched =
  | Readonly<{ kind: 'committed' }>
  /** It was there already. */
  | Readonly<{ kind: 'cached' }>
  /** The upstream's answer to this caller. */
  | Readonly<{ kind: 'refused'; status: number }>
  | Readonly<{ kind: 'not-cacheable'; reason: NotCached; detail: string }>
  /** `outcome`: how its fill ended; undefined when none began here. */
  | Readonly<{ kind: 'failed'; outcome: FillOutcome | undefined; error: unknown }>
  /** By the caller's signal, or because the cache is ending; what has arrived is left to be resumed. */
  | Readonly<{ kind: 'stopped' }>

/** An image on its way, in this process or in another. Bytes; `resumedAt` of them lay there before. */
export type Arriving = Readonly<{ size: number; resumedAt: number; received: () => number }>

export type FetchOptions = Readonly<{
  /** Ends the fetch at once, and the fill that it began unless somebody reads it. */
  signal?: AbortSignal
  /** Somebody waits for it who is no reader: it is not among the fills that may be given up since nobody reads them. */
  wanted?: boolean
  /** Called when bytes begin to arrive. */
  onArriving?(arriving: Arriving): void
}>

export type FetchTools = Readonly<{
  origin: Origin
  enter(id: string, caller: Caller): Turn
  onFault(error: unknown): void
}>

/** Fills an image, or waits for whoever is filling it, until it is committed or it is clear why not. Never rejects. */
export async function fetchImage(
  tools: FetchTools,
  id: string,
  caller: Caller,
  { signal = new AbortController().signal, onArriving = () => {} }: FetchOptions,
): Promise<Fetched> {
  let wasGivenUp = false
  try {
    for (;;) {
      if (signal.aborted) return { kind: 'stopped' }
      const turn = tools.enter(id, caller)
      const fetched = turn.role === 'first' ? await lead(turn.led) : await join(turn.outcome)
      if (fetched !== 'again') return fetched
    }
  } catch (error) {
    return signal.aborted ? { kind: 'stopped' } : { kind: 'failed', outcome: undefined, error }
  }

  async function lead(leading: Promise<First>): Promise<Fetched | 'again'> {
    const led = await abortable(leading, signal).catch((error: unknown) => {
      // The upstream takes its time to answer: what comes of it is put away then.
      if (signal.aborted) leading.then(abandon).catch(() => {}) // the upstream failed: nothing to put away
      throw error
    })
    switch (led.kind) {
      case 'hit':
        led.hit.close()
        return { kind: 'cached' }
      case 'pass':
        led.download?.abort()
        return { kind: 'not-cacheable', reason: led.reason, detail: led.detail }
      case 'refused':
        return refused(led.refusal.status)
      case 'following':
        if (led.fill === undefined) return foreign(led.following)
        // Its first reader has been there: nobody else is to be expected.
        led.fill.open(led.fill.record.size, caller).close()
        return wait(led.fill, true)
    }
  }

  async function join(leading: Promise<Outcome>): Promise<Fetched | 'again'> {
    const outcome = await abortable(leading, signal)
    if (outcome.kind === 'again') return 'again'
    if (outcome.kind === 'pass') return { kind: 'not-cacheable', reason: outcome.reason, detail: outcome.detail }
    const { following } = outcome
    if (following instanceof Fill) return wait(following, false)
    return following instanceof ForeignFill ? foreign(following) : 'again'
  }

  async function wait(fill: Fill, isMine: boolean): Promise<Fetched> {
    onArriving({
      size: fill.record.size,
      resumedAt: isMine ? fill.startAt : fill.received,
      received: () => fill.received,
    })
    const outcome = await abortable(fill.done, signal).catch(async (error: unknown) => {
      if (isMine && fill.readers === 0) await fill.stop()
      throw error
    })
    if (outcome === 'committed' || outcome === 'stopped') return { kind: outcome }
    const error = outcome === 'deleted' ? new Error('the image was deleted in the image store') : fill.failure
    return { kind: 'failed', outcome, error }
  }

  /**
   * When the other process gives up, what it has left is gone on with here; but not while a client still reads that
   * file, here or there: to look for the end of it by asking again would be a download each time.
   */
  async function foreign(following: ForeignFill): Promise<Fetched | 'again'> {
    const { record, received } = following
    onArriving({ size: record.size, resumedAt: received, received: () => following.received })
    if (await following.committed(signal)) return { kind: 'committed' }
    if (wasGivenUp) return { kind: 'not-cacheable', reason: 'busy', detail: 'what another fill has left is in use' }
    wasGivenUp = true
    return 'again'
  }

  /** An image that has no data yet, or may not be given now, is refused in many ways: its record says why. */
  async function refused(status: number): Promise<Fetched> {
    const answer = await tools.origin.describe(id, caller, signal).catch(() => undefined) // the refusal says enough
    if (answer?.kind !== 'described' || answer.record.status === 'active') return { kind: 'refused', status }
    return { kind: 'not-cacheable', reason: 'not-active', detail: `the image's status is ${answer.record.status}` }
  }

  function abandon(led: First): void {
    if (led.kind === 'hit') led.hit.close()
    else if (led.kind === 'pass') led.download?.abort()
    else if (led.kind === 'following') {
      if (led.fill === undefined) led.following.open(led.following.record.size, caller).close()
      else if (led.fill.readers === 0) led.fill.stop().catch(tools.onFault)
    }
  }
}
