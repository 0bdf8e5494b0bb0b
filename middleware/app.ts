import type { RequestListener } from 'node:http'
import { Hono } from 'hono'
import type { DownloadTools } from '../src/http/download-exchange.ts'
import type { Perform } from '../src/http/endpoints.ts'
import type { Env } from '../src/http/env.ts'
import type { ManagementAccess } from '../src/http/management-access.ts'
import { type CacheManageTools, cacheManage } from './cache-manage.ts'
import { cachedImages } from './cached-images.ts'
import { checkHost } from './check-host.ts'
import { download } from './download.ts'
import { healthcheck } from './healthcheck.ts'
import { internalError } from './internal-error.ts'
import { manage } from './manage.ts'
import { negotiateVersion } from './negotiate-version.ts'
import { type OwnApiTools, ownApi } from './own-api.ts'
import { type PassThroughOptions, passThrough } from './pass-through.ts'
import { refuseLoops } from './refuse-loops.ts'
import { rawPath, type ServeOptions, serve } from './serve.ts'
import { versions } from './versions.ts'

export type AppOptions = ServeOptions &
  Readonly<{
    management: ManagementOptions
    download: DownloadTools
    passThrough: PassThroughOptions
  }>

/** What those who do need for all that may be asked for. */
export type ManagementTools = CacheManageTools & OwnApiTools

export type ManagementOptions = Readonly<{
  access: ManagementAccess
  perform: Perform<ManagementTools>
  /** `management.cached_images_api`: answer the old endpoints too. */
  cachedImagesApi: boolean
}>

/** The image API, as clients see it: our few paths, the cached download, and everything else from the image store. */
export function createApp(options: AppOptions): RequestListener {
  const { access, perform, cachedImagesApi } = options.management
  const isManaged = access.kind !== 'nobody'
  const steps = [
    healthcheck(),
    checkHost(),
    ...(isManaged ? [negotiateVersion()] : []),
    refuseLoops(options.pseudonym),
    // Before all that is asked for less often.
    download(options.download),
  ]
  const app = new Hono<Env>({ getPath: rawPath })
  app.onError(internalError(options.onError))
  app.use(manage(cacheManage, access, perform))
  app.use(manage(cachedImages(cachedImagesApi), access, perform))
  app.use(manage(ownApi, access, perform))
  if (isManaged) app.use(versions(options.passThrough.origin))
  app.use(passThrough(options.passThrough))
  return serve(options, steps, app)
}
