import type { Caller, Granted, Identity, Origin, Refusal } from './origin.ts'

/** The upstream's answer; `remembered` when it was not asked just now. */
export type Permission = (Granted & Readonly<{ remembered?: true }>) | Refusal

/** More remembered answers than this are not kept: the oldest go first. */
const mostRemembered = 100_000

/**
 * Who may read which image, by the upstream's word. A "yes" may be reused for a while for the same token and image; a
 * "no" is asked again every time. Nothing is remembered across a change of the image that went through us.
 */
export class Permissions {
  readonly #origin: Origin
  readonly #ttlMs: number
  readonly #now: () => number
  readonly #remembered = new Map<string, { id: string; identity: Identity; until: number }>()
  readonly #byImage = new Map<string, Set<string>>()
  readonly #asking = new Map<string, Promise<Granted | Refusal>>()
  /** Raised by every change: an answer to a question asked before one is not kept. */
  #generation = 0

  /** `now` (ms) never goes back: were it the clock of the machine, a "yes" would live for as long as that is set back. */
  constructor(origin: Origin, ttlMs: number, now: () => number = () => performance.now()) {
    this.#origin = origin
    this.#ttlMs = ttlMs
    this.#now = now
  }

  /** The upstream's answer for this caller. Rejects with an OriginError when there is none: then nobody may read. */
  ask(id: string, caller: Caller): Promise<Permission> {
    const key = this.#keyOf(id, caller)
    if (key === undefined) return this.#origin.ask(id, caller)
    const remembered = this.#remembered.get(key)
    if (remembered !== undefined && remembered.until > this.#now()) {
      return Promise.resolve({ kind: 'granted', identity: remembered.identity, remembered: true })
    }
    const asking = this.#asking.get(key)
    if (asking !== undefined) return asking
    const question = this.question()
    const answer = this.#origin
      .ask(id, caller)
      .then((given) => {
        if (given.kind === 'granted') question.granted(id, caller, given.identity)
        return given
      })
      .finally(() => {
        if (this.#asking.get(key) === answer) this.#asking.delete(key)
      })
    this.#asking.set(key, answer)
    return answer
  }

  /** For a "yes" that comes with a download: begin before it is asked, report what was granted. */
  question(): { granted(id: string, caller: Caller, identity: Identity): void } {
    const generation = this.#generation
    return {
      granted: (id, caller, identity) => {
        const key = this.#keyOf(id, caller)
        if (key === undefined || generation !== this.#generation) return
        this.#forget(key)
        this.#remembered.set(key, { id, identity, until: this.#now() + this.#ttlMs })
        const keys = this.#byImage.get(id) ?? new Set()
        this.#byImage.set(id, keys.add(key))
        if (this.#remembered.size > mostRemembered) {
          const [oldest] = this.#remembered.keys()
          if (oldest !== undefined) this.#forget(oldest)
        }
      },
    }
  }

  /** The image was changed through us: every "yes" for it is void, also those on their way. */
  drop(id: string): void {
    this.#generation++
    this.#asking.clear()
    for (const key of this.#byImage.get(id) ?? []) this.#remembered.delete(key)
    this.#byImage.delete(id)
  }

  #forget(key: string): void {
    const remembered = this.#remembered.get(key)
    if (remembered === undefined) return
    this.#remembered.delete(key)
    const keys = this.#byImage.get(remembered.id)
    keys?.delete(key)
    if (keys?.size === 0) this.#byImage.delete(remembered.id)
  }

  #keyOf(id: string, caller: Caller): string | undefined {
    return caller.key === undefined || this.#ttlMs <= 0 ? undefined : `${id} ${caller.key}`
  }
}
