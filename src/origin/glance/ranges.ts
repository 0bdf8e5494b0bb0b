const idsMost = 10_000
const wordingsMost = 32
const wordingLongest = 4096

/**
 * Which stores behind Glance cannot do ranges (rule 11: Ceph, Swift, S3 and HTTP answer 400 to any). Known per store
 * where the image's record names its `stores`; where it does not, Glance has one store, and it holds for all images.
 */
export class RangeMemory {
  #storesOf = new Map<string, string>()
  #lacking = new Set<string>()
  #wholeOrigin = false
  /** Bodies of a 400 that were proven to mean just this: in each language and form that callers accept. */
  #wordings = new Set<string>()

  /** Some store is known to lack ranges: worth looking at the record beside the question. */
  get any(): boolean {
    return this.#wholeOrigin || this.#lacking.size > 0
  }

  /** Notes where an image lies. */
  place(id: string, stores: string | undefined): void {
    this.#storesOf.delete(id)
    if (stores === undefined) return
    this.#storesOf.set(id, stores)
    const oldest = this.#storesOf.size > idsMost ? this.#storesOf.keys().next().value : undefined
    if (oldest !== undefined) this.#storesOf.delete(oldest)
  }

  lacks(id: string): boolean {
    const stores = this.#storesOf.get(id)
    return stores === undefined ? this.#wholeOrigin : this.#lacking.has(stores)
  }

  /** A 400 with this body to a range can only mean that the store does none: to the caller the policy said yes. */
  means(id: string, wording: string): boolean {
    return this.lacks(id) && this.#wordings.has(wording)
  }

  /** This image's store refused a range in these words, or ignored it, although the image itself was given. */
  refused(id: string, wording?: string): void {
    if (wording !== undefined && wording.length <= wordingLongest && this.#wordings.size < wordingsMost)
      this.#wordings.add(wording)
    const stores = this.#storesOf.get(id)
    if (stores === undefined) this.#wholeOrigin = true
    else this.#lacking.add(stores)
  }

  /** This image's store has just given a range: what was noted before was wrong or is so no longer. */
  given(id: string): void {
    const stores = this.#storesOf.get(id)
    if (stores === undefined) this.#wholeOrigin = false
    else this.#lacking.delete(stores)
  }
}
