/** What a worker makes known to all the others, or asks them. Nothing else goes from worker to worker. */
export type Notice =
  /** The upstream has, or may have, changed the image: every remembered "yes" for it is void. */
  | Readonly<{ what: 'changed'; id: string }>
  /** The upstream granted the deletion of the image: the same, and what is arriving of it is never committed. */
  | Readonly<{ what: 'deleted'; id: string }>
  /** A committed file (see fileKey) has proved wrong: nobody gets a further byte of it. */
  | Readonly<{ what: 'condemned'; key: string }>
  /** A committed file that is only being read to be proven is wanted by a client: let go of it. */
  | Readonly<{ what: 'wanted'; id: string }>
  /** The answer is the metrics of the worker, as prom-client gives them. */
  | Readonly<{ what: 'metrics' }>

/** Where a process stands among those that serve one address and one cache directory together. */
export interface Place {
  /** From 1. */
  readonly number: number
  readonly count: number
  /** Of all workers one manages the cache: periodic work, the operator's listener, the control socket. */
  readonly leads: boolean
  /**
   * Resolves with what the others answer when all have done what the notice asks for, or after a second, without those
   * who have not. Never rejects.
   */
  ask(notice: Notice): Promise<readonly unknown[]>
  /** What is done here about a notice of another worker; its result is the answer. Until it is called there is nothing to do. */
  onNotice(handle: (notice: Notice) => unknown): void
}

/** The usual case: one process serves. */
export const alone: Place = { number: 1, count: 1, leads: true, ask: async () => [], onNotice() {} }

/** A bound of the whole server, divided among its workers; at least 1 for each. */
export const shareOf = (bound: number, { number, count }: Pick<Place, 'number' | 'count'>): number =>
  Math.max(1, Math.floor(bound / count) + (number <= bound % count ? 1 : 0))
