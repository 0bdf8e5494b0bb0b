import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { createMiddleware } from 'hono/factory'
import { DownloadExchange, type DownloadTools } from '../src/http/download-exchange.ts'
import type { Env } from '../src/http/env.ts'
import { downloadPath } from '../src/http/image-paths.ts'

/** Answers the download of an image, from the cache if it can be; everything else is left to the next handler. */
export const download = (tools: DownloadTools) =>
  createMiddleware<Env>(async function download(c, next) {
    const { incoming, outgoing } = c.env
    const path = incoming.method === 'GET' ? downloadPath(incoming.url ?? '/') : undefined
    if (path === undefined) return next()
    await new DownloadExchange(tools, path, incoming, outgoing, c.get('caller'), c.get('requestId')).run()
    return RESPONSE_ALREADY_SENT
  })
