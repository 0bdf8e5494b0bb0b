import { randomUUID } from 'node:crypto'
import { createMiddleware } from 'hono/factory'
import type { Env } from '../src/http/env.ts'

/** Gives every request an id of OpenStack's form. A client's own X-Openstack-Request-Id is passed on beside it. */
export const requestId = () =>
  createMiddleware<Env>(async function requestId(c, next) {
    c.set('requestId', `req-${randomUUID()}`)
    await next()
  })
