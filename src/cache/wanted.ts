/** Images that somebody fetches who is no reader. */
export class Wanted {
  readonly #counts = new Map<string, number>()

  has(id: string): boolean {
    return this.#counts.has(id)
  }

  async during<T>(id: string, work: () => Promise<T>): Promise<T> {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1)
    try {
      return await work()
    } finally {
      const others = (this.#counts.get(id) ?? 1) - 1
      if (others > 0) this.#counts.set(id, others)
      else this.#counts.delete(id)
    }
  }
}
