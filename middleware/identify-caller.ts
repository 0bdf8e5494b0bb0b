import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { createMiddleware } from 'hono/factory'
import type { Env } from '../src/http/env.ts'
import { splitTarget } from '../src/http/image-paths.ts'
import { answerPlainly } from '../src/http/plain-answer.ts'
import { soleTokenKey } from '../src/http/sole-token.ts'
import type { HeaderList } from '../src/origin/origin.ts'
import { callerFields, type Hop, isLoop } from '../src/origin/upstream/hop-by-hop.ts'

/**
 * Says for the rest of the request on whose behalf the upstream is asked, and refuses a request that has been through
 * this very cache before (RFC 9110 7.6.3): it would go round for ever.
 */
export const identifyCaller = (options: Readonly<{ pseudonym: string }>) =>
  createMiddleware<Env>(async function identifyCaller(c, next) {
    const { incoming, outgoing } = c.env
    const { rawHeaders } = incoming
    // Node has joined several Via fields; it never drops one.
    if (incoming.headers.via !== undefined && isLoop([incoming.headers.via], options.pseudonym)) {
      answerPlainly(outgoing, 508, "The request has come back to this cache: its upstream's address leads to itself.")
      return RESPONSE_ALREADY_SENT
    }
    const { host } = incoming.headers
    const hop: Hop = {
      pseudonym: options.pseudonym,
      httpVersion: incoming.httpVersion,
      // Asked for now: it is gone with the connection.
      clientAddress: incoming.socket.remoteAddress,
      scheme: 'http',
      host,
      requestId: c.get('requestId'),
    }
    let headers: HeaderList | undefined
    c.set('caller', {
      // Most hits ask nothing of the upstream and need none.
      get headers() {
        headers ??= callerFields(rawHeaders, hop)
        return headers
      },
      host,
      key: soleTokenKey(rawHeaders),
      query: splitTarget(incoming.url ?? '/').query,
    })
    return next()
  })
