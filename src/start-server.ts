import { join } from 'node:path'
import { createApp, type ManagementTools } from '../middleware/app.ts'
import { reconcile } from './cache/reconcile.ts'
import type { LoadedConfig } from './config/load-config.ts'
import { countPermission, reportDownload } from './events/download-log.ts'
import { openLog } from './events/log.ts'
import type { Perform } from './http/endpoints.ts'
import { leaveToLeader } from './http/leave-to-leader.ts'
import { listenOrExplain } from './http/listener.ts'
import { readPseudonym } from './http/pseudonym.ts'
import { openAccess } from './open-access.ts'
import { openCache } from './open-cache.ts'
import { Permissions } from './origin/permissions.ts'
import { openSendfile } from './sendfile/sendfile.ts'
import { startManagement } from './start-management.ts'
import { startOperator } from './start-operator.ts'
import { answerNotices } from './workers/answer-notices.ts'
import { alone, type Place } from './workers/place.ts'

export interface RunningServer {
  /** Where it listens: `http://host:port`. */
  readonly url: string
  /** undefined in a worker that does not lead. */
  readonly operatorUrl: string | undefined
  /** What the log says of a server that has started. */
  readonly facts: Readonly<Record<string, unknown>>
  /** Stops accepting, lets downloads finish within the grace time, leaves fills to be resumed. */
  close(): Promise<void>
}

/** Wires the whole server, or one worker of it. What was opened is closed in reverse when a later step fails. */
export async function startServer(loaded: LoadedConfig, place: Place = alone): Promise<RunningServer> {
  const { config, warnings } = loaded
  const logOfAll = openLog(config.default.logLevel)
  const log = place.count > 1 ? logOfAll.child({ worker: place.number }) : logOfAll
  for (const warning of warnings) log.warn(warning)
  const { imageCacheDir } = config.default

  await using opened = new AsyncDisposableStack()
  const tools = opened.use(await openCache(loaded, log, place))
  const { origin, layout, files, driver, cache, events, metrics } = tools
  const reconciled = place.leads ? await reconcile({ layout, files, driver, space: cache.space, events }) : {}

  const { access } = opened.use(openAccess(config, (error) => events.fault('asking Keystone', undefined, error)))
  const started = place.leads ? opened.use(await startManagement(tools, config)) : undefined
  const idleTimeoutMs = config.origin.idleTimeout * 1000
  const onError = (error: unknown) => events.fault('answering a request', undefined, error)
  const managed = started && { ...started, origin, idleTimeoutMs, onFault: onError }
  const perform: Perform<ManagementTools> =
    managed === undefined ? leaveToLeader(imageCacheDir) : (action, request) => action.run(request, managed)
  const { cachedImagesApi } = config.management
  const pseudonym = await readPseudonym(join(imageCacheDir, '.afterimage', 'via'))

  // Ended after the listeners: downloads that may finish need it.
  const sendfile = await openSendfile()
  if (sendfile === undefined) log.warn('this system has no sendfile that we can call: large images are sent slower')
  else opened.use(sendfile)
  const permissions = new Permissions(origin, config.authorization.ttl * 1000)
  const onChange = (id: string, deleted: boolean) => {
    permissions.drop(id)
    if (deleted) cache.deleted(id).catch((error: unknown) => events.fault('evicting a deleted image', id, error))
  }
  place.onNotice(answerNotices({ cache, metrics, onChange }))
  const app = createApp({
    pseudonym,
    management: { access, perform, cachedImagesApi },
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
      async onChange(id, deleted) {
        onChange(id, deleted)
        await place.ask({ what: deleted ? 'deleted' : 'changed', id })
      },
    },
    onError,
  })
  const api = await listenOrExplain(app, { host: config.default.bindHost, port: config.default.bindPort })
  const graceMs = config.default.gracefulShutdownTimeout * 1000 || Number.POSITIVE_INFINITY
  opened.defer(() => api.close(graceMs))
  const exposition = {
    contentType: metrics.contentType,
    render: async () => metrics.render(await place.ask({ what: 'metrics' })),
  }
  const options = { pseudonym, onError, access, perform, cachedImagesApi }
  const operator = place.leads ? opened.use(await startOperator(config, exposition, options, log)) : undefined
  // Whoever follows a run of it learns at once that it ends.
  if (started !== undefined) opened.defer(() => started.prefetcher[Symbol.asyncDispose]())

  const url = `http://${api.host}:${api.port}`
  const operatorUrl = operator?.url
  const facts = {
    listening: url,
    operator: operatorUrl,
    origin: origin.type === 'glance' ? config.origin.url : config.origin.path,
    cache: imageCacheDir,
    driver: driver.name,
    ...reconciled,
  }
  if (place.count === 1) log.info(facts, 'afterimage is ready')
  const whole = opened.move()
  return {
    url,
    operatorUrl,
    facts,
    async close() {
      log.info('ending: no new connections, downloads may finish')
      await whole.disposeAsync()
      log.info('ended')
    },
  }
}
