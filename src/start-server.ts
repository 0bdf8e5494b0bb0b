import { join } from 'node:path'
import { createApp } from '../middleware/app.ts'
import { createControlApp, createOperatorApp } from '../middleware/operator-app.ts'
import { reconcile } from './cache/reconcile.ts'
import type { LoadedConfig } from './config/load-config.ts'
import { countPermission, reportDownload } from './events/download-log.ts'
import { openLog } from './events/log.ts'
import { type Listener, listen } from './http/listener.ts'
import { readPseudonym } from './http/pseudonym.ts'
import { openCache } from './open-cache.ts'
import { Permissions } from './origin/permissions.ts'
import { openSendfile } from './sendfile/sendfile.ts'
import { startControlSocket } from './start-control-socket.ts'
import { startManagement } from './start-management.ts'

export interface RunningServer {
  /** Where it listens: `http://host:port`. */
  readonly url: string
  readonly operatorUrl: string
  /** Stops accepting, lets downloads finish within the grace time, leaves fills to be resumed. */
  close(): Promise<void>
}

/** Wires the whole server. What was opened is closed in reverse when a later step fails. */
export async function startServer(loaded: LoadedConfig): Promise<RunningServer> {
  const { config, warnings } = loaded
  const log = openLog(config.default.logLevel)
  for (const warning of warnings) log.warn(warning)
  const { imageCacheDir } = config.default

  await using opened = new AsyncDisposableStack()
  const tools = opened.use(await openCache(loaded, log))
  const { origin, layout, files, driver, cache, events, metrics } = tools
  const reconciled = await reconcile({ layout, files, driver, space: cache.space, events })

  const { management, prefetcher, access } = opened.use(await startManagement(tools, config))
  const idleTimeoutMs = config.origin.idleTimeout * 1000
  const onError = (error: unknown) => events.fault('answering a request', undefined, error)
  const managing = { access, tools: { management, prefetcher, origin, idleTimeoutMs, onFault: onError } }
  const pseudonym = await readPseudonym(join(imageCacheDir, '.afterimage', 'via'))

  // Ended after the listeners: downloads that may finish need it.
  const sendfile = await openSendfile()
  if (sendfile === undefined) log.warn('this system has no sendfile that we can call: large images are sent slower')
  else opened.use(sendfile)
  const permissions = new Permissions(origin, config.authorization.ttl * 1000)
  const app = createApp({
    pseudonym,
    management: { ...managing, cachedImagesApi: config.management.cachedImagesApi },
    download: {
      cache,
      origin,
      permissions,
      rangeMiss: config.cache.rangeMiss,
      idleTimeoutMs,
      sendfile,
      report: (report) => reportDownload(log, metrics, report),
      onFault: (error, image) => events.fault('answering a download', image, error),
      onPermission: (answer) => countPermission(metrics, answer),
    },
    passThrough: {
      origin,
      idleTimeoutMs,
      onChange(id, deleted) {
        permissions.drop(id)
        if (deleted) cache.deleted(id).catch((error: unknown) => events.fault('evicting a deleted image', id, error))
      },
    },
    onError,
  })
  const api = await listenOrExplain(app, { host: config.default.bindHost, port: config.default.bindPort })
  const graceMs = config.default.gracefulShutdownTimeout * 1000 || Number.POSITIVE_INFINITY
  opened.defer(() => api.close(graceMs))
  const { bindHost, bindPort } = config.management
  const operator = await listenOrExplain(createOperatorApp(metrics, { pseudonym, onError, ...managing }), {
    host: bindHost,
    port: bindPort,
  })
  opened.defer(() => operator.close(1000))
  const control = createControlApp({ pseudonym, onError, tools: managing.tools })
  opened.use(await startControlSocket(control, imageCacheDir, log))
  // Whoever follows a run of it learns at once that it ends.
  opened.defer(() => prefetcher[Symbol.asyncDispose]())

  const url = `http://${api.host}:${api.port}`
  const operatorUrl = `http://${operator.host}:${operator.port}`
  log.info(
    {
      listening: url,
      operator: operatorUrl,
      origin: origin.type === 'glance' ? config.origin.url : config.origin.path,
      cache: imageCacheDir,
      driver: driver.name,
      ...reconciled,
    },
    'afterimage is ready',
  )
  const whole = opened.move()
  return {
    url,
    operatorUrl,
    async close() {
      log.info('ending: no new connections, downloads may finish')
      await whole.disposeAsync()
      log.info('ended')
    },
  }
}

async function listenOrExplain(
  app: Parameters<typeof listen>[0],
  address: Readonly<{ host: string; port: number }>,
): Promise<Listener> {
  try {
    return await listen(app, address)
  } catch (cause) {
    throw new Error(
      `cannot listen on ${address.host}:${address.port}: ${cause instanceof Error ? cause.message : cause}`,
      {
        cause,
      },
    )
  }
}
