import type { ScriptedUpstream } from '../../support/scripted-upstream.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'

/** What an image was during a time; undefined: the store had none of this id. */
type Version = Readonly<{ bytes: Buffer | undefined; from: number; to: number }>

/** Replaced ones are forgotten after this long (ms): no request takes as long. */
const memoryMs = 120_000

/**
 * The images of a store, which change while they are asked for. Any answer is right that was right at some moment
 * between a request and its end.
 */
export class ChangingImages {
  readonly ids: readonly string[]
  readonly #upstream: ScriptedUpstream
  readonly #sizes: ReadonlyMap<string, number>
  readonly #versions = new Map<string, Version[]>()
  #seed = 0

  constructor(upstream: ScriptedUpstream, sizes: ReadonlyMap<string, number>) {
    this.#upstream = upstream
    this.#sizes = sizes
    this.ids = [...sizes.keys()]
    for (const id of this.ids) this.replace(id)
  }

  /** Another image of the same size under this id. */
  replace(id: string): void {
    // Few different ones: they are kept in memory, which is not what is measured here but is needed all the same.
    const bytes = patternBytes(this.#sizes.get(id) ?? 0, 1 + (this.#seed++ % 3))
    this.#upstream.replaceImage({ id, bytes, hashAlgo: 'sha256' })
    this.#become(id, bytes)
  }

  /** The store has deleted it, or is about to. */
  gone(id: string): void {
    this.#become(id, undefined)
  }

  /** Everything that the image was between then and now. */
  during(id: string, from: number): ReadonlyArray<Buffer | undefined> {
    return (this.#versions.get(id) ?? []).filter(({ to }) => to >= from).map(({ bytes }) => bytes)
  }

  #become(id: string, bytes: Buffer | undefined): void {
    const now = performance.now()
    const old = (this.#versions.get(id) ?? []).filter(({ to }) => to > now - memoryMs)
    const ended = old.map((version) => ({ ...version, to: Math.min(version.to, now) }))
    this.#versions.set(id, [...ended, { bytes, from: now, to: Number.POSITIVE_INFINITY }])
  }
}
