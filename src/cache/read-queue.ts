/**
 * The memory that the main thread and its reading threads share: a numbered set of equal buffers, one request per
 * buffer, and the order in which the requests are to be served.
 *
 * No messages are exchanged per read. A request's fields are plain stores before the atomic store of `submitted`, and a
 * result is stored before the atomic add to `finished`, so whoever sees the counter sees the fields. A buffer is
 * submitted at most once at a time, hence `order` with one place per buffer never overflows.
 */
export type ReadQueue = Readonly<{
  /** The bytes of all buffers, one after the other. Untouched ones cost no memory. */
  arena: SharedArrayBuffer
  bufferSize: number
  /** Three numbers per buffer: descriptor, position, length. */
  requests: Float64Array
  /** Per buffer: 0 while it is being read, else the bytes read plus 1, or the negative errno. */
  results: Int32Array
  order: Int32Array
  counters: Int32Array
}>

// One counter per cache line: threads that wait for one do not contend with those that move another.
const submitted = 0
const claimed = 16
const finished = 32

export function createReadQueue(buffers: number, bufferSize: number): ReadQueue {
  return {
    arena: new SharedArrayBuffer(buffers * bufferSize),
    bufferSize,
    requests: new Float64Array(new SharedArrayBuffer(buffers * 3 * Float64Array.BYTES_PER_ELEMENT)),
    results: new Int32Array(new SharedArrayBuffer(buffers * Int32Array.BYTES_PER_ELEMENT)),
    order: new Int32Array(new SharedArrayBuffer(buffers * Int32Array.BYTES_PER_ELEMENT)),
    counters: new Int32Array(new SharedArrayBuffer(48 * Int32Array.BYTES_PER_ELEMENT)),
  }
}

/** Asks for `length` bytes of `fd` at `position` into `buffer`. Main thread only. */
export function submit(queue: ReadQueue, buffer: number, fd: number, position: number, length: number): void {
  const { requests, results, order, counters } = queue
  requests[buffer * 3] = fd
  requests[buffer * 3 + 1] = position
  requests[buffer * 3 + 2] = length
  results[buffer] = 0
  const place = Atomics.load(counters, submitted)
  Atomics.store(order, (place >>> 0) % order.length, buffer)
  Atomics.store(counters, submitted, (place + 1) | 0)
  Atomics.notify(counters, submitted, 1)
}

/** The next buffer to be read into; blocks the thread until there is one. Reading threads only. */
export function claim({ order, counters }: ReadQueue): number {
  for (;;) {
    const place = Atomics.load(counters, claimed)
    const end = Atomics.load(counters, submitted)
    if (place === end) {
      Atomics.wait(counters, submitted, end)
      continue
    }
    // Read before claiming: once claimed, the place may be given to a later request.
    const buffer = Atomics.load(order, (place >>> 0) % order.length)
    if (Atomics.compareExchange(counters, claimed, place, (place + 1) | 0) === place) return buffer
  }
}

/** Reading threads only. `result`: bytes read, or a negative errno. */
export function finish({ results, counters }: ReadQueue, buffer: number, result: number): void {
  Atomics.store(results, buffer, result < 0 ? result : result + 1)
  Atomics.add(counters, finished, 1)
  Atomics.notify(counters, finished)
}

/** undefined while the buffer is being read, else the bytes read or a negative errno. */
export function resultOf({ results }: ReadQueue, buffer: number): number | undefined {
  const result = Atomics.load(results, buffer)
  return result === 0 ? undefined : result < 0 ? result : result - 1
}

/** How many reads have been finished since the start; only for `untilFinished`. */
export const finishedCount = ({ counters }: ReadQueue): number => Atomics.load(counters, finished)

/** Resolves when the count is no longer `seen`. The event loop goes on meanwhile, but is not kept alive by it. */
export async function untilFinished({ counters }: ReadQueue, seen: number): Promise<void> {
  const wait = Atomics.waitAsync(counters, finished, seen)
  if (wait.async) await wait.value
}
