import { type Logger, pino } from 'pino'

export type Log = Logger

/**
 * Structured log, one JSON object a line, on standard output unless another descriptor is given. Callers log named
 * fields only, never a request's headers: a token cannot get in by accident. Should a field of such a name appear all
 * the same, it is blanked.
 */
export const openLog = (level: string, fd = 1): Log =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['headers', '*.headers', 'token', '*.token', 'password', '*.password'], censor: '***' },
      serializers: { error: describeError },
    },
    pino.destination({ dest: fd, sync: true }),
  )

/** An error with its causes, without stacks: what failed, and why. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? { code: error.code } : {}
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) }
  return { name: error.name, message: error.message, ...code, ...cause }
}
