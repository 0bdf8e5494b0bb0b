import type { Fields } from './upstream-words.ts'

/**
 * What goes wrong with one answer to GET …/file. Positions are absolute offsets in the image, also for a range;
 * several may be combined.
 */
export type Fault = Readonly<{
  /** Also meant for the one-byte question `Range: bytes=0-0`, which otherwise leaves the queue of faults alone. */
  question?: true
  /** The byte at this offset is sent with all its bits flipped. */
  corruptAt?: number
  /** The connection is closed in order before this offset, in the midst of what was declared. */
  endAt?: number
  /** The connection is reset before this offset; everything before has been received. */
  resetAt?: number
  /** Nothing comes any more from this offset on until `release()` is called. */
  stallAt?: number
  /** Headers come only after `release()`. */
  holdHeaders?: true
  /** The body and its framing stop at this offset: short, but complete by its own word. */
  cutAt?: number
  /** So many bytes more than the image has, in body and framing. */
  extra?: number
  /** A Content-Length that does not fit the body; the connection is closed after the body. */
  contentLength?: number
  /** No Content-Length, but chunks. */
  chunked?: true
  /** No framing at all: the body ends with the connection. */
  untilClose?: true
  bytesPerSecond?: number
  /** Another answer instead, with this body (text/plain) and no image data. */
  status?: number
  body?: string
  /** A 200 with the whole image to a Range. */
  ignoreRange?: true
  /** The range answered begins this much after (before, if negative) the one asked for. */
  shiftRange?: number
  /** Another Content-MD5 than the image's, or none. */
  md5?: string | null
  /** Another total in Content-Range; `*` is allowed. */
  total?: number | '*'
  /** Fields that replace those of the same name; the value null drops the field. */
  fields?: ReadonlyArray<readonly [name: string, value: string | null]>
  /** The connection is closed in order after the answer, as `Connection: close` says. */
  close?: true
}>

/** A fault that has been queued: when it strikes, and how to end it. */
export interface FaultHandle {
  /** Resolves when the stall, the held headers, the end or the reset has been reached. */
  readonly reached: Promise<void>
  /** Lets a stalled body or held headers go on. */
  release(): void
}

export class QueuedFault implements FaultHandle {
  readonly fault: Fault
  readonly reached: Promise<void>
  readonly released: Promise<void>
  readonly reach: () => void
  readonly release: () => void

  constructor(fault: Fault) {
    this.fault = fault
    const reached = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    this.reached = reached.promise
    this.reach = reached.resolve
    this.released = released.promise
    this.release = released.resolve
  }
}

export function withFields(fields: Fields, changes: Fault['fields'] = []): Fields {
  const changed = new Set(changes.map(([name]) => name.toLowerCase()))
  const kept = fields.filter(([name]) => !changed.has(name.toLowerCase()))
  return [...kept, ...changes.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]))]
}
