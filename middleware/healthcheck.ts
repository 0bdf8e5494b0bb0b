import { createMiddleware } from 'hono/factory'
import type { Env } from '../src/http/env.ts'
import { splitTarget } from '../src/http/image-paths.ts'

/** oslo.middleware's answer for load balancers, at its path: alive, without asking anybody and without credentials. */
export const healthcheck = () =>
  createMiddleware<Env>(async function healthcheck(c, next) {
    const { method, url } = c.env.incoming
    if ((method !== 'GET' && method !== 'HEAD') || splitTarget(url ?? '/').path !== '/healthcheck') return next()
    return c.text('OK')
  })
