import { createMiddleware } from 'hono/factory'
import { cacheApiVersions } from '../src/http/api-paths.ts'
import type { Env } from '../src/http/env.ts'

const announced = new RegExp(String.raw`^/v2\.(?:${cacheApiVersions.join('|')})(?=/)`)

/**
 * The versions that we announce are ours to negotiate: the image store may not know them. All of API v2 is the same to
 * it whatever the minor version says, so it is asked without one, as Glance itself rewrites such a path.
 */
export const negotiateVersion = () =>
  createMiddleware<Env>(async function negotiateVersion(c, next) {
    const { incoming } = c.env
    incoming.url = incoming.url?.replace(announced, '/v2')
    await next()
  })
