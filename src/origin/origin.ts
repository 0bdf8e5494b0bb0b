import type { IncomingMessage, ServerResponse } from 'node:http'

/** Header fields in order, duplicates kept, names as received. */
export type HeaderList = ReadonlyArray<readonly [name: string, value: string]>

/**
 * On whose behalf the image store is asked. Held in memory only, never logged.
 * `headers` are the caller's end-to-end request fields with our own `Via`, `X-Forwarded-*` and request id added, and
 * without Host, Range, Content-Range, conditional fields, Accept-Encoding, Expect and body fields; the origin adds what its own
 * requests need. Empty for the embedded store.
 */
export type Caller = Readonly<{
  headers: HeaderList
  /** The client's Host field, forwarded so that links in answers point to us. */
  host: string | undefined
  /** Hash of the token when it is the sole credential, so that a "yes" may be reused; undefined: ask every time. */
  key: string | undefined
  /** Raw query with its `?`, or '': Glance's `prefer=`, for downloads only. */
  query: string
}>

/** What says which bytes an image has. From download headers (`size`, `md5`) or from its record (all of it). */
export type Identity = Readonly<{
  size: number | undefined
  /** Hex. */
  md5: string | undefined
}>

/** An image's record in the store, as far as a cache needs it. */
export type ImageRecord = Readonly<{
  id: string
  /** Glance's status: only `active` images are cached. */
  status: string
  size: number | undefined
  md5: string | undefined
  /** hashlib's name, lower case (`sha512`, `sha3_512`, `blake2b`), and the digest in hex. */
  hashAlgo: string | undefined
  hashValue: string | undefined
  /** The store's own text of the time of the last change: compared, never parsed. */
  updatedAt: string | undefined
}>

/** The store's own answer, to be handed to its caller as it is: any status that is not the success asked for. */
export type Refusal = Readonly<{
  kind: 'refusal'
  status: number
  headers: HeaderList
  /** At most 1 MiB is kept; the rest of a longer body is dropped (and Content-Length with it). */
  body: Buffer
}>

/** The store said yes for this caller and this image, now. */
export type Granted = Readonly<{ kind: 'granted'; identity: Identity }>

export type Described = Readonly<{ kind: 'described'; record: ImageRecord }>

/** A download that the store has begun to answer with 200 or 206; nothing of the body has been delivered yet. */
export interface Download {
  readonly kind: 'download'
  readonly status: 200 | 206
  /** End-to-end response fields, for a response that is passed through. */
  readonly headers: HeaderList
  /** Where the body begins. 0 although more was asked for: the store does no ranges, and the taker skips. */
  readonly offset: number
  /** Size of the whole image (from Content-Length or Content-Range), undefined when not said. */
  readonly identity: Identity
  /**
   * Starts delivery. A chunk is valid only during the call: copy what you keep. Resolves when the body is complete by
   * its own framing; rejects with an OriginError when it breaks or nothing arrives for the idle time. Call it once.
   *
   * `room` offers memory for the bytes that come next: a chunk that could be read there is given in that very place, so
   * that it need not be copied. It may be written to until the promise has settled, or `room` has been called again.
   */
  deliver(take: (chunk: Buffer) => void, room?: () => Buffer | undefined): Promise<void>
  pause(): void
  resume(): void
  /** Ends the transfer; `deliver` rejects. Harmless afterwards. */
  abort(): void
}

/** A short answer of the store in memory, whatever its status: at most 1 MiB of the body, `whole` when that is all. */
export type ShortAnswer = Readonly<{ status: number; headers: HeaderList; body: Buffer; whole: boolean }>

export type RangeWanted = Readonly<{ start: number; end: number | undefined }>

/** What one relayed exchange came to, for the log and for what a successful change means to the cache. */
export type Relayed = Readonly<{
  /** The final status sent to the client; 0 when the client left before there was one. */
  status: number
  /** Body bytes given to the client. */
  bytes: number
  /** False when the answer broke off or the client left. */
  complete: boolean
  /** Why the store's answer did not reach the client whole: for the log, the client is told in other words. */
  failure?: Error
}>

export type RelayOptions = Readonly<{
  /** Raw request target for the upstream, when it differs from the client's own. */
  target?: string
  /** Field lines that replace the client's (used to drop Range): already end-to-end. */
  dropHeaders?: readonly string[]
  /** Added to the answer to the client, e.g. Cache-Status. */
  responseHeaders?: HeaderList
  /**
   * Called with the final status before any of the answer goes to the client, so that whoever has the answer in hand
   * finds its consequences in force; with 0 when there was no answer: the store may have carried the request out all
   * the same. What it gives is waited for. Must not throw or reject.
   */
  onAnswer?(status: number): void | Promise<void>
  caller: Caller
}>

/**
 * The image store in front of which we stand. Every question is answered by it alone, in its own words.
 * All methods reject with an OriginError when the store cannot be reached, breaks off or is silent for the idle time.
 */
export interface Origin extends AsyncDisposable {
  readonly type: 'glance' | 'directory'

  /** May this caller read this image's data now? One small request; never downloads the image. */
  ask(id: string, caller: Caller, signal?: AbortSignal): Promise<Granted | Refusal>

  describe(id: string, caller: Caller, signal?: AbortSignal): Promise<Described | Refusal>

  /**
   * Opens a download of the whole image, or of `[range.start, range.end)`. In a store known to do no ranges a range
   * with `start` > 0 is asked for as a whole GET: look at `offset`.
   */
  download(id: string, caller: Caller, range?: RangeWanted, signal?: AbortSignal): Promise<Download | Refusal>

  /** True once this store has shown that it cannot do ranges (Ceph, Swift, S3 and HTTP stores of Glance). */
  lacksRanges(id: string): boolean

  /** GETs a short document by a client's raw request target. */
  read(target: string, caller: Caller, signal?: AbortSignal): Promise<ShortAnswer>

  /** Hands the client's request to the store as it is, and the answer back, streaming both ways. Never rejects. */
  relay(incoming: IncomingMessage, outgoing: ServerResponse, options: RelayOptions): Promise<Relayed>
}

/** The store could not be asked, or broke off. `reason` is a closed set, for logs, counters and the status to answer. */
export class OriginError extends Error {
  readonly code = 'ORIGIN_FAILED'
  readonly reason: 'unreachable' | 'timeout' | 'broken' | 'aborted' | 'bad-answer'
  constructor(reason: OriginError['reason'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'OriginError'
    this.reason = reason
  }
}
