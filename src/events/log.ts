import { type Logger, pino } from 'pino'
import { blank, blankSecrets, secret } from './blank-secrets.ts'
import { LineBatch } from './line-batch.ts'

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
      timestamp,
      // pino's own `redact` takes three times as long as all the rest of a line.
      formatters: { level: (label) => ({ level: label }), log: blankSecrets },
      // Those of secrets for what a child log adds to each of its lines, which takes no other way.
      serializers: { ...Object.fromEntries([...secret].map((name) => [name, () => blank])), error: describeError },
    },
    new LineBatch(fd),
  )

let lastMs = 0
let lastTimestamp = ''

/** ISO 8601 with milliseconds. A busy server writes many lines in one. */
function timestamp(): string {
  const now = Date.now()
  if (now !== lastMs) {
    lastMs = now
    lastTimestamp = `,"time":"${new Date(now).toISOString()}"`
  }
  return lastTimestamp
}

/** An error with its causes, without stacks: what failed, and why. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? { code: error.code } : {}
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) }
  return { name: error.name, message: error.message, ...code, ...cause }
}
