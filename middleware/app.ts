import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { DownloadTools } from '../src/http/download-exchange.ts'
import type { Env } from '../src/http/env.ts'
import { splitTarget } from '../src/http/image-paths.ts'
import type { ManagementAccess } from '../src/http/management-access.ts'
import { type CacheManageTools, cacheManage } from './cache-manage.ts'
import { cachedImages } from './cached-images.ts'
import { download } from './download.ts'
import { healthcheck } from './healthcheck.ts'
import { identifyCaller } from './identify-caller.ts'
import { internalError } from './internal-error.ts'
import { manage } from './manage.ts'
import { negotiateVersion } from './negotiate-version.ts'
import { type OwnApiTools, ownApi } from './own-api.ts'
import { type PassThroughOptions, passThrough } from './pass-through.ts'
import { requestId } from './request-id.ts'
import { versions } from './versions.ts'

export type AppOptions = Readonly<{
  pseudonym: string
  management: ManagementOptions
  download: DownloadTools
  passThrough: PassThroughOptions
  onError(error: unknown): void
}>

export type ManagementOptions = Readonly<{
  access: ManagementAccess
  tools: CacheManageTools & OwnApiTools
  /** `management.cached_images_api`: answer the old endpoints too. */
  cachedImagesApi: boolean
}>

/** The image API, as clients see it: our few paths, the cached download, and everything else from the image store. */
export function createApp(options: AppOptions): Hono<Env> {
  const { access, tools, cachedImagesApi } = options.management
  const isManaged = access.kind !== 'nobody'
  const app = new Hono<Env>({ getPath: rawPath })
  app.onError(internalError(options.onError))
  app.use(requestId())
  app.use(healthcheck())
  if (isManaged) app.use(negotiateVersion())
  app.use(identifyCaller(options))
  // Before all that is asked for less often.
  app.use(download(options.download))
  app.use(manage(cacheManage(tools), access))
  app.use(manage(cachedImages(tools, cachedImagesApi), access))
  app.use(manage(ownApi(tools), access))
  if (isManaged) app.use(versions(options.passThrough.origin))
  app.use(passThrough(options.passThrough))
  return app
}

/** The path as the client wrote it: routing must not see another one than the upstream will. */
export function rawPath(_request: Request, options?: { env?: unknown }): string {
  // Set by node-server for every request; Hono types it as unknown here.
  const env = options?.env as HttpBindings | undefined
  return splitTarget(env?.incoming.url ?? '/').path
}
