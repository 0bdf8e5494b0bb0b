import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { DownloadTools } from '../src/http/download-exchange.ts'
import type { Env } from '../src/http/env.ts'
import { splitTarget } from '../src/http/image-paths.ts'
import { download } from './download.ts'
import { healthcheck } from './healthcheck.ts'
import { identifyCaller } from './identify-caller.ts'
import { internalError } from './internal-error.ts'
import { type PassThroughOptions, passThrough } from './pass-through.ts'
import { requestId } from './request-id.ts'

export type AppOptions = Readonly<{
  pseudonym: string
  download: DownloadTools
  passThrough: PassThroughOptions
  onError(error: unknown): void
}>

/** The image API, as clients see it: our few paths, the cached download, and everything else from the image store. */
export function createApp(options: AppOptions): Hono<Env> {
  const app = new Hono<Env>({ getPath: rawPath })
  app.onError(internalError(options.onError))
  app.use(requestId())
  app.use(healthcheck())
  app.use(identifyCaller(options))
  app.use(download(options.download))
  app.use(passThrough(options.passThrough))
  return app
}

/** The path as the client wrote it: routing must not see another one than the upstream will. */
export function rawPath(_request: Request, options?: { env?: unknown }): string {
  // Set by node-server for every request; Hono types it as unknown here.
  const env = options?.env as HttpBindings | undefined
  return splitTarget(env?.incoming.url ?? '/').path
}
