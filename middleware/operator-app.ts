import type { RequestListener } from 'node:http'
import { Hono } from 'hono'
import type { Env } from '../src/http/env.ts'
import type { ManagementOptions } from './app.ts'
import { cacheManage } from './cache-manage.ts'
import { cachedImages } from './cached-images.ts'
import { healthcheck } from './healthcheck.ts'
import { internalError } from './internal-error.ts'
import { manage } from './manage.ts'
import { ownApi } from './own-api.ts'
import { refuseLoops } from './refuse-loops.ts'
import { rawPath, type ServeOptions, serve } from './serve.ts'

export type OperatorOptions = ServeOptions & Pick<ManagementOptions, 'access' | 'perform'>

/** Prometheus' exposition of the whole server. */
export type Exposition = Readonly<{ contentType: string; render(): Promise<string> }>

/** The operator's listener: what is not for image clients. */
export function createOperatorApp(metrics: Exposition, options: OperatorOptions): RequestListener {
  const app = basicApp(options)
  app.use(manage(ownApi, options.access, options.perform))
  app.get('/metrics', async (c) => c.body(await metrics.render(), 200, { 'Content-Type': metrics.contentType }))
  return serve(options, [healthcheck(), refuseLoops(options.pseudonym)], app)
}

/**
 * The control socket: who may open it may do everything with the cache, by the rights on its files. Other workers of
 * the same server leave here what they were asked for, once they have found that it is allowed.
 */
export function createControlApp(options: ServeOptions & Omit<ManagementOptions, 'access'>): RequestListener {
  const { perform, cachedImagesApi } = options
  const access = { kind: 'everybody' } as const
  const app = basicApp(options)
  app.use(manage(ownApi, access, perform))
  app.use(manage(cacheManage, access, perform))
  app.use(manage(cachedImages(cachedImagesApi), access, perform))
  return serve(options, [refuseLoops(options.pseudonym)], app)
}

function basicApp({ onError }: ServeOptions): Hono<Env> {
  const app = new Hono<Env>({ getPath: rawPath })
  app.onError(internalError(onError))
  return app
}
