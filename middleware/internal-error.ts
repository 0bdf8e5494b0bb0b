import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { ErrorHandler } from 'hono'
import type { Env } from '../src/http/env.ts'
import { answerPlainly } from '../src/http/plain-answer.ts'

/** The last resort: nothing that goes wrong in here may leave a client waiting, or hide. */
export const internalError = (onError: (error: unknown) => void): ErrorHandler<Env> =>
  function internalError(error, c) {
    onError(error)
    answerPlainly(c.env.outgoing, 500, 'The cache failed; its log says why.')
    return RESPONSE_ALREADY_SENT
  }
