import { createHash } from 'node:crypto'
import { imageId } from '../../support/image-id.ts'
import type { ScriptedUpstream } from '../../support/scripted-upstream.ts'
import type { SeededRandom } from '../../support/seeded-random.ts'
import { bytesOf, pattern } from '../../support/upstream-bytes.ts'

/** One state of one image in the store; `bytes` are gone once no request can have seen it. */
export type ImageState = Readonly<{ md5: string; size: number; etag: string | undefined }> & {
  bytes: Buffer | undefined
}

/** The store had this state from then until the next one; undefined: it had no such image. */
type Span = Readonly<{ from: number; state: ImageState | undefined }>

const smallest = 4096
const doublings = 11

/**
 * Several dozen images of 4 KiB to 8 MiB in the store, each of which may become another one under its id, go, and come
 * back. Keeps what each was at every moment: that is what an answer is judged by.
 */
export class Images {
  readonly ids: readonly string[]
  readonly #upstream: ScriptedUpstream
  readonly #random: SeededRandom
  readonly #spans = new Map<string, Span[]>()
  readonly #known = new Map<string, Set<string>>()

  constructor(upstream: ScriptedUpstream, random: SeededRandom, count: number) {
    this.#upstream = upstream
    this.#random = random
    this.ids = Array.from({ length: count }, (_, index) => imageId(index + 1))
    // A DELETE that the cache hands on removes it there, at a moment that only the store knows.
    const remove = upstream.removeImage.bind(upstream)
    upstream.removeImage = (id) => {
      this.#note(id, undefined)
      remove(id)
    }
    for (const id of this.ids) this.make(id)
  }

  /** New content under this id. Where nothing is declared of it, it is always the same: nobody could tell the difference. */
  make(id: string): void {
    const number = Number(id.slice(-12))
    const omit = number % 7 === 5 ? (['md5', 'hash'] as const) : number % 7 === 3 ? (['hash'] as const) : []
    const bytes = omit.length === 2 ? content(number, number, sizeOf(number)) : this.#content(number)
    const md5 = createHash('md5').update(bytes).digest('hex')
    const hash = createHash('sha256').update(bytes).digest('hex')
    const etag = omit.length === 2 ? undefined : `"${omit.length === 1 ? md5 : hash}"`
    this.#upstream.replaceImage({ id, bytes, md5, hashAlgo: 'sha256', hashValue: hash, omit: [...omit] })
    this.#note(id, { md5, size: bytes.length, etag, bytes })
    this.#known.set(id, (this.#known.get(id) ?? new Set()).add(md5))
  }

  remove(id: string): void {
    this.#upstream.removeImage(id)
  }

  /** What the store has now. */
  now(id: string): ImageState | undefined {
    return this.#spans.get(id)?.at(-1)?.state
  }

  /** Everything that it had at some moment of this time; undefined stands for nothing. */
  during(id: string, begin: number, end: number): (ImageState | undefined)[] {
    const spans = this.#spans.get(id) ?? []
    const states = spans.filter(({ from }, index) => from <= end && (spans[index + 1]?.from ?? end) >= begin)
    return states.map(({ state }) => state)
  }

  /** Whether the store has ever had an image of this digest under this id. */
  everHad(id: string, md5: string): boolean {
    return this.#known.get(id)?.has(md5) === true
  }

  /** No request from before this moment will be judged any more. */
  forgetBefore(moment: number): void {
    for (const spans of this.#spans.values()) {
      const first = spans.findLastIndex(({ from }) => from <= moment)
      if (first > 0) spans.splice(0, first)
    }
  }

  #note(id: string, state: ImageState | undefined): void {
    const spans = this.#spans.get(id) ?? []
    spans.push({ from: performance.now(), state })
    this.#spans.set(id, spans)
  }

  #content(number: number): Buffer {
    // Sometimes another size: a length that fits says nothing then.
    const size = sizeOf(number) + this.#random.pick([0, 0, 1, 513])
    return content(number, this.#random.between(0, 900_000), size)
  }
}

const sizeOf = (number: number): number =>
  Math.round(smallest * 2 ** ((((number * 7) % 12) / 11) * doublings)) - (number % 3)

/** Noise, in every fifth image with zeros in the midst that become a hole in its file. */
function content(number: number, shift: number, size: number): Buffer {
  const bytes = bytesOf(pattern(size + shift, 1 + (number % 4)), shift, shift + size)
  if (number % 5 === 0) bytes.fill(0, size >> 2, size - (size >> 2))
  return bytes
}
