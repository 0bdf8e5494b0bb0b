import { isDeepStrictEqual } from 'node:util'
import type { Driver, Facts, ImageEntry, NewEntry } from '../../drivers/driver.ts'
import { DriverError } from '../../drivers/driver.ts'

/** What outlives a memory driver: two drivers of one store see the same images, as two processes on one directory do. */
export type MemoryStore = Readonly<{ entries: Map<string, Omit<ImageEntry, 'facts'>>; facts: Map<string, Facts> }>

export const newMemoryStore = (): MemoryStore => ({ entries: new Map(), facts: new Map() })

/** The contract of drivers/driver.ts in its plainest form: for tests of the cache, and proof that the suite tests it. */
export async function openMemoryDriver(store: MemoryStore = newMemoryStore()): Promise<Driver> {
  return new MemoryDriver(store)
}

class MemoryDriver implements Driver {
  readonly name = 'memory'
  readonly #store: MemoryStore
  #closed = false

  constructor(store: MemoryStore) {
    this.#store = store
  }

  async get(id: string): Promise<ImageEntry | undefined> {
    return this.#entry(id)
  }

  async *list(signal?: AbortSignal): AsyncIterable<ImageEntry> {
    signal?.throwIfAborted()
    const order = [...this.#use().entries.values()].sort(leastRecentlyAccessed).map((entry) => entry.id)
    for (const id of order) {
      signal?.throwIfAborted()
      const entry = this.#entry(id)
      if (entry !== undefined) yield entry
    }
  }

  async *byId(signal?: AbortSignal): AsyncIterable<ImageEntry> {
    signal?.throwIfAborted()
    for (const id of [...this.#use().entries.keys()].sort()) {
      signal?.throwIfAborted()
      const entry = this.#entry(id)
      if (entry !== undefined) yield entry
    }
  }

  async sizes() {
    return new Map([...this.#use().entries.values()].map(({ id, size }) => [id, size]))
  }

  async totals() {
    const sizes = [...this.#use().entries.values()].map((entry) => entry.size)
    return { count: sizes.length, size: sizes.reduce((sum, size) => sum + size, 0) }
  }

  async prepare(id: string, _path: string, facts: Facts): Promise<void> {
    this.#use().facts.set(id, { ...facts })
  }

  async factsOf(id: string): Promise<Facts | undefined> {
    return this.#use().facts.get(id)
  }

  async replaceFacts(id: string, known: Facts | undefined, facts: Facts): Promise<boolean> {
    const entry = this.#entry(id)
    if (entry === undefined || !isDeepStrictEqual(entry.facts, known)) return false
    this.#store.facts.set(id, { ...facts })
    return true
  }

  async admit(entry: NewEntry): Promise<void> {
    const { id, size, modifiedAt, facts, hits = 0, accessedAt = Date.now(), pinned = false } = entry
    this.#use().entries.set(id, { id, size, hits, accessedAt, modifiedAt, pinned })
    if (facts === undefined) this.#store.facts.delete(id)
    else this.#store.facts.set(id, { ...facts })
  }

  async touch(id: string, at: number, hits = 1): Promise<void> {
    const entry = this.#entry(id)
    if (entry === undefined) return
    this.#change(entry, { hits: entry.hits + hits, accessedAt: Math.max(entry.accessedAt, at) })
  }

  async pin(id: string, pinned: boolean): Promise<boolean> {
    const entry = this.#entry(id)
    if (entry === undefined) return false
    this.#change(entry, { pinned })
    return true
  }

  giveUp(id: string): Promise<void> {
    return this.forget(id)
  }

  async forget(id: string): Promise<void> {
    this.#use().entries.delete(id)
    this.#store.facts.delete(id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
  }

  #use(): MemoryStore {
    if (this.#closed) throw new DriverError(this.name, 'has been closed')
    return this.#store
  }

  #entry(id: string): ImageEntry | undefined {
    const entry = this.#use().entries.get(id)
    return entry && { ...entry, facts: this.#store.facts.get(id) }
  }

  #change({ facts: _, ...entry }: ImageEntry, change: Partial<ImageEntry>): void {
    this.#store.entries.set(entry.id, { ...entry, ...change })
  }
}

type Access = Pick<ImageEntry, 'id' | 'accessedAt'>

const leastRecentlyAccessed = (a: Access, b: Access): number =>
  a.accessedAt - b.accessedAt || (a.id < b.id ? -1 : Number(a.id > b.id))
