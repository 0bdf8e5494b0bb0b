/**
 * Lets a program come to its end when it is told to (SIGINT, SIGTERM): the controller is aborted, and the exit code
 * says by what. A second signal ends it at once.
 */
export function endBySignal(): AbortController {
  const ending = new AbortController()
  const end = (code: number) => () => {
    // A second signal means it.
    if (ending.signal.aborted) process.exit(code)
    process.exitCode = code
    ending.abort()
  }
  process.on('SIGINT', end(130))
  process.on('SIGTERM', end(143))
  return ending
}
