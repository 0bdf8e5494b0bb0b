import type { Stats } from '../disk/disk.ts'

/** What an image keeps although its file is replaced. */
export type Kept = Readonly<{ hits: number; accessedAt: number; pinned: boolean }>

/** One committed file among all that have had, or will have, this name. */
export const fileKey = (id: string, { ino, mtimeMs }: Pick<Stats, 'ino' | 'mtimeMs'>): string =>
  `${id} ${ino} ${Math.round(mtimeMs)}`

/**
 * What this process knows of committed files whose bytes are in question. All of it is lost with the process, and
 * nothing of it is needed for a wrong byte not to be served: that is what facts are for.
 */
export class Doubts {
  /** By fileKey. Never shrinks: a file that lost its name may be read for hours, and few files ever get here. */
  readonly #condemned = new Set<string>()
  readonly #checks = new Map<string, () => Promise<void>>()
  readonly #kept = new Map<string, Kept>()

  /** Nobody gets a further byte of this file from us. */
  condemn(key: string): void {
    this.#condemned.add(key)
  }

  isCondemned(key: string): boolean {
    return this.#condemned.has(key)
  }

  /** Somebody reads a committed file to prove it, and `giveWay` makes him close it. Gives how to say that he is done. */
  checking(id: string, giveWay: () => Promise<void>): () => void {
    this.#checks.set(id, giveWay)
    return () => {
      if (this.#checks.get(id) === giveWay) this.#checks.delete(id)
    }
  }

  /** Whoever wants to serve an image that is not proven needs its file alone. */
  async clear(id: string): Promise<void> {
    await this.#checks.get(id)?.()
  }

  /** For the next file of this image. */
  keep(id: string, { hits, accessedAt, pinned }: Kept): void {
    this.#kept.set(id, { hits, accessedAt, pinned })
  }

  keptOf(id: string): Kept | undefined {
    return this.#kept.get(id)
  }

  /** The next file is there, or there will be none. */
  drop(id: string): void {
    this.#kept.delete(id)
  }
}
