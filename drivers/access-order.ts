/** Where an image stands in the list: by its access time (Unix ms), ties by id. */
export type Place = Readonly<{ id: string; accessedAt: number }>

type Item = { readonly id: string; readonly size: number; readonly accessedAt: number; isGone: boolean }

/**
 * Images in the order of their last use, with the sum of their sizes. To change one costs about the same however many
 * there are: what has moved stands in a short list of its own, and is merged into the long one when it has become a
 * fraction of that.
 */
export class AccessOrder {
  readonly #items = new Map<string, Item>()
  /** Both in order; those that are gone or have moved stay until the next merge. */
  #long: Item[] = []
  #short: Item[] = []
  #gone = 0
  #bytes = 0

  /** Sorted once: to add a hundred thousand one by one would take ten times as long. */
  constructor(images: Iterable<Readonly<{ id: string; size: number; accessedAt: number }>> = []) {
    for (const { id, size, accessedAt } of images) {
      this.#items.set(id, { id, size, accessedAt, isGone: false })
      this.#bytes += size
    }
    this.#long = [...this.#items.values()].sort(compare)
  }

  get count(): number {
    return this.#items.size
  }

  /** The sum of all sizes. */
  get bytes(): number {
    return this.#bytes
  }

  *sizes(): Generator<[id: string, size: number], void, undefined> {
    for (const { id, size } of this.#items.values()) yield [id, size]
  }

  /** False when that is what was known. */
  set(id: string, size: number, accessedAt: number): boolean {
    const known = this.#items.get(id)
    if (known?.size === size && known.accessedAt === accessedAt) return false
    this.delete(id)
    const item = { id, size, accessedAt, isGone: false }
    this.#items.set(id, item)
    this.#bytes += size
    this.#short.splice(firstAfter(this.#short, item), 0, item)
    this.#mergeWhenWorthIt()
    return true
  }

  /** False when it was not known. */
  delete(id: string): boolean {
    const known = this.#items.get(id)
    if (known === undefined) return false
    this.#items.delete(id)
    this.#bytes -= known.size
    known.isGone = true
    this.#gone++
    return true
  }

  /** Those behind this place, `most` of them at most; from the start without a place. */
  after(place: Place | undefined, most: number): Place[] {
    const found: Item[] = []
    for (const item of merged(from(this.#long, place), from(this.#short, place))) {
      if (found.length === most) break
      found.push(item)
    }
    return found
  }

  #mergeWhenWorthIt(): void {
    if (this.#short.length + this.#gone < Math.max(256, this.#long.length >> 3)) return
    this.#long = [...merged(from(this.#long), from(this.#short))]
    this.#short = []
    this.#gone = 0
  }
}

const compare = (a: Place, b: Place): number => a.accessedAt - b.accessedAt || (a.id < b.id ? -1 : Number(a.id > b.id))

/** The index of the first item behind this place. */
function firstAfter(items: readonly Item[], place: Place): number {
  let [low, high] = [0, items.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const item = items[middle]
    if (item !== undefined && compare(item, place) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

function* from(items: readonly Item[], place?: Place): Generator<Item, undefined, undefined> {
  for (let index = place === undefined ? 0 : firstAfter(items, place); index < items.length; index++) {
    const item = items[index]
    if (item?.isGone === false) yield item
  }
}

function* merged(a: Generator<Item>, b: Generator<Item>): Generator<Item, void, undefined> {
  let [left, right] = [a.next(), b.next()]
  while (left.done !== true || right.done !== true) {
    if (right.done === true || (left.done !== true && compare(left.value, right.value) < 0)) {
      yield left.value
      left = a.next()
    } else {
      yield right.value
      right = b.next()
    }
  }
}
