/** Bytes lent to a reader. They may be overwritten after `release`, which must be called exactly once. */
export interface Lease {
  readonly bytes: Uint8Array
  release(): void
}

/** A stretch of an open file that holds an image's bytes at their own offsets. `release` is called exactly once. */
export interface Span {
  readonly fd: number
  /** Exclusive. */
  readonly end: number
  /** All of it was read a moment ago: sending it does not wait for the disk. */
  readonly isInMemory: boolean
  /** The file has holes and is on disk, where they can be told from data. */
  readonly isSparse: boolean
  release(): void
}

/**
 * One client's view of one image, whether it lies on disk, is still arriving or has just been received.
 * Positions are absolute offsets in the image. Reads may be issued ahead of one another.
 */
export interface ImageReader {
  /** Bytes of the whole image. */
  readonly size: number
  /**
   * The next bytes at `position`: at least one, at most `max`, never past what may be given yet. Waits for bytes that
   * have not arrived, and for the proof before the last ones. A plain value when they are in memory already.
   * Rejects with a ReadFailed when they will never come from here.
   */
  read(position: number, max: number): Lease | Promise<Lease>
  /**
   * The same bytes where they lie, for the kernel to send them: up to `max` bytes from `position`, as far as they may be
   * given now. undefined when they are in memory, have not arrived, or cannot be had: `read` gives them or says why.
   */
  span(position: number, max: number): Span | undefined
  /** Releases the image: it may be evicted afterwards. Leases and spans still out stay valid. Harmless twice. */
  close(): void
}

/**
 * Why a reader gets no more bytes.
 * - `cache`: our own disk or metadata failed; the upstream may still give the rest, at the reader's own offset.
 * - `upstream`: the upstream broke and resuming was given up; or what it sent proved wrong: cut the reader off.
 * - `wrong`: the bytes did not match the declared digest or length; what was given must never look complete.
 * - `closed`: the cache is shutting down.
 */
export class ReadFailed extends Error {
  readonly code = 'READ_FAILED'
  readonly fault: 'cache' | 'upstream' | 'wrong' | 'closed'
  constructor(fault: ReadFailed['fault'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ReadFailed'
    this.fault = fault
  }
}
