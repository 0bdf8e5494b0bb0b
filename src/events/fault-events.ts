import type { CacheEvents } from '../cache/events.ts'

/** For programs without a log: only faults are of interest, and how many there were. */
export function reportFaults(write: (line: string) => void): CacheEvents & { readonly faults: number } {
  let faults = 0
  return {
    get faults() {
      return faults
    },
    fillStarted() {},
    fillResumed() {},
    fillEnded() {},
    received() {},
    notCached() {},
    verified() {},
    evicted() {},
    prefetched() {},
    fault(what, id, error) {
      faults++
      write(`${what}${id === undefined ? '' : ` ${id}`}: ${describeError(error)}`)
    },
  }
}

/** An error's message and those of its causes, in one line. */
export function describeError(error: unknown): string {
  const messages: string[] = []
  for (let next = error; next !== undefined; next = next instanceof Error ? next.cause : undefined) {
    const message = next instanceof Error ? next.message : String(next)
    // A message often ends with its cause's own words.
    if (!messages.some((said) => said.includes(message))) messages.push(message)
  }
  return messages.join(': ').replaceAll(/\s*\n\s*/g, ' ')
}
