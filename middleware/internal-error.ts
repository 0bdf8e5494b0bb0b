import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { ErrorHandler } from 'hono'
import type { Env } from '../src/http/env.ts'
import { answerPlainly } from '../src/http/plain-answer.ts'

/** The last resort: nothing that goes wrong in here may leave a client waiting, or hide. */
export function failInternally(onError: (error: unknown) => void, error: unknown, outgoing: ServerResponse): void {
  onError(error)
  answerPlainly(outgoing, 500, 'The cache failed; its log says why.')
}

/** The same for what Hono hands on. */
export const internalError = (onError: (error: unknown) => void): ErrorHandler<Env> =>
  function internalError(error, c) {
    failInternally(onError, error, c.env.outgoing)
    return RESPONSE_ALREADY_SENT
  }
