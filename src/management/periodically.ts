/** Timers count to 2^31 - 1 ms; a longer time would be taken for none. */
const longestMs = 2 ** 31 - 1

/**
 * Does some work every `ms` milliseconds, for the first time after them; 0: never. Never two at once: what would begin
 * while it is still under way is left out. Keeps no process alive. Disposing aborts the signal and waits for the end.
 */
export function periodically(
  ms: number,
  work: (signal: AbortSignal) => Promise<unknown>,
  onFault: (error: unknown) => void,
): AsyncDisposable {
  const ending = new AbortController()
  let running: Promise<unknown> | undefined
  const timer = ms > 0 ? setInterval(begin, Math.min(ms, longestMs)).unref() : undefined

  function begin(): void {
    running ??= work(ending.signal)
      .catch((error: unknown) => onFault(error))
      .finally(() => {
        running = undefined
      })
  }

  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      ending.abort()
      await running
    },
  }
}
