import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { createMiddleware } from 'hono/factory'
import type { Env } from '../src/http/env.ts'
import { splitTarget } from '../src/http/image-paths.ts'
import { relayRefusal } from '../src/http/relay-refusal.ts'
import { withCacheVersions } from '../src/http/version-list.ts'
import type { Origin } from '../src/origin/origin.ts'
import { OriginError } from '../src/origin/origin.ts'

/**
 * Announces the cache API among the versions that the image store lists: clients look for it there before they ask for
 * more. Whatever is not such a list is left to the next handler, which passes it on as it is.
 */
export const versions = (origin: Origin) =>
  createMiddleware<Env>(async function versions(c, next) {
    const { incoming, outgoing } = c.env
    const { path } = splitTarget(incoming.url ?? '/')
    if ((incoming.method !== 'GET' && incoming.method !== 'HEAD') || !/^\/(?:versions\/?)?$/.test(path)) return next()
    const answer = await origin.read(incoming.url ?? '/', c.env.caller).catch((error: unknown) => {
      // It is asked again, and then told to the client in the usual words.
      if (error instanceof OriginError) return undefined
      throw error
    })
    const body = answer?.whole === true ? withCacheVersions(answer.body) : undefined
    if (answer === undefined || body === undefined) return next()
    relayRefusal(outgoing, { kind: 'refusal', status: answer.status, headers: answer.headers, body }, [])
    return RESPONSE_ALREADY_SENT
  })
