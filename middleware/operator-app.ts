import { Hono } from 'hono'
import type { Metrics } from '../src/events/metrics.ts'
import type { Env } from '../src/http/env.ts'
import type { ManagementAccess } from '../src/http/management-access.ts'
import { type AppOptions, rawPath } from './app.ts'
import { healthcheck } from './healthcheck.ts'
import { identifyCaller } from './identify-caller.ts'
import { internalError } from './internal-error.ts'
import { manage } from './manage.ts'
import { type OwnApiTools, ownApi } from './own-api.ts'
import { requestId } from './request-id.ts'

export type OperatorOptions = Pick<AppOptions, 'pseudonym' | 'onError'> &
  Readonly<{ access: ManagementAccess; tools: OwnApiTools }>

/** The operator's listener: what is not for image clients. */
export function createOperatorApp(metrics: Metrics, options: OperatorOptions): Hono<Env> {
  const app = ownApiApp(options)
  app.use(healthcheck())
  app.get('/metrics', async (c) => c.body(await metrics.render(), 200, { 'Content-Type': metrics.contentType }))
  return app
}

/** The control socket: who may open it may do everything with the cache, by the rights on its files. */
export const createControlApp = (options: Omit<OperatorOptions, 'access'>): Hono<Env> =>
  ownApiApp({ ...options, access: { kind: 'everybody' } })

function ownApiApp({ access, tools, ...options }: OperatorOptions): Hono<Env> {
  const app = new Hono<Env>({ getPath: rawPath })
  app.onError(internalError(options.onError))
  app.use(requestId())
  app.use(identifyCaller(options))
  app.use(manage(ownApi(tools), access))
  return app
}
