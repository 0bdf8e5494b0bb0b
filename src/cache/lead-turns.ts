import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type FileHandle, open } from '../disk/disk.ts'
import { tryLockByte, unlockByte } from './lock.ts'

const retryMs = 5

/**
 * Of all processes one at a time begins with an image that is not here: whoever comes after it finds the fill that it has
 * begun, and need not open a download of its own to learn of it. In this process the flights of the cache see to that.
 */
export class LeadTurns implements AsyncDisposable {
  readonly #path: string
  readonly #longestMs: number
  #file: Promise<FileHandle> | undefined
  #isClosed = false

  /** Nobody waits longer than `longestMs` for an upstream that does not answer another one: then both ask it. */
  constructor(path: string, longestMs: number) {
    this.#path = path
    this.#longestMs = longestMs
  }

  /** Resolves when it is this process's turn. Gives how to end it, which is harmless twice; it ends with the process too. */
  async take(id: string): Promise<() => void> {
    const { fd } = await this.#open()
    const offset = offsetOf(id)
    const deadline = performance.now() + this.#longestMs
    while (!tryLockByte(fd, offset)) {
      if (performance.now() > deadline) return () => {}
      await delay(retryMs)
    }
    let mine = true
    return () => {
      // Its number may mean another file by now.
      if (mine && !this.#isClosed) unlockByte(fd, offset)
      mine = false
    }
  }

  #open(): Promise<FileHandle> {
    this.#file ??= open(this.#path, 'a', 0o640).catch((error: unknown) => {
      this.#file = undefined
      throw error
    })
    return this.#file
  }

  /** Nobody may take a turn any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await (await this.#file)?.close()
  }
}

/** A byte of its own for each image in a file of no size: two that shared one would only wait for each other. */
const offsetOf = (id: string): number => createHash('sha256').update(id).digest().readUIntBE(0, 6)
