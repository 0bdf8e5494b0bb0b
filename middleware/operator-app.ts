import { Hono } from 'hono'
import type { Metrics } from '../src/events/metrics.ts'
import type { Env } from '../src/http/env.ts'
import { healthcheck } from './healthcheck.ts'

/** The operator's listener: what is not for image clients. */
export function createOperatorApp(metrics: Metrics): Hono<Env> {
  const app = new Hono<Env>()
  app.use(healthcheck())
  app.get('/metrics', async (c) => c.body(await metrics.render(), 200, { 'Content-Type': metrics.contentType }))
  return app
}
