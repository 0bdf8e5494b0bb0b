import { isImageId } from '../src/cache/image-id.ts'
import { apiVersion } from '../src/http/api-paths.ts'
import type { Action, EndpointFamily, ManagementRequest } from '../src/http/endpoints.ts'
import { answerError } from '../src/http/error-page.ts'
import { cachedOnly, queuedOnly } from '../src/http/glance-lists.ts'
import { answerJson, streamJson } from '../src/http/json-answer.ts'
import type { Management } from '../src/management/management.ts'
import type { CacheManageTools } from './cache-manage.ts'

type Run = (request: ManagementRequest, tools: CacheManageTools) => Promise<void>

/**
 * `/v2/cached_images` and `/v2/queued_images`, as Glance has them with its `cachemanage` filter; with hyphens and without
 * the version too, as articles and old clients write them. `enabled` false: as in Glance without the filter.
 */
export function cachedImages(enabled: boolean): EndpointFamily<CacheManageTools> {
  const under = (rest: string) => new RegExp(`^(?:${apiVersion})?/${rest}$`)
  return {
    owns: under('(?:cached|queued)[_-]images(?:/.*)?'),
    otherMethods: 404,
    endpoints: !enabled
      ? []
      : [
          {
            path: under('cached[_-]images'),
            methods: { GET: list(cachedOnly), DELETE: all((management) => management.removeAll()) },
          },
          {
            path: under('queued[_-]images'),
            methods: { GET: list(queuedOnly), DELETE: all((management) => management.unqueueAll()) },
          },
          {
            path: under('cached[_-]images/([^/]+)'),
            methods: { DELETE: one((management, id) => management.remove(id)) },
          },
          {
            path: under('queued[_-]images/([^/]+)'),
            methods: {
              PUT: one((management, id) => management.queue(id)),
              DELETE: one((management, id) => management.unqueue(id)),
            },
          },
        ],
  }
}

const action = (run: Run): Action<CacheManageTools> => ({ policy: 'manage_image_cache', run })

const list = (pieces: (from: Management) => AsyncIterable<string>) =>
  action(({ outgoing }, tools) => streamJson(outgoing, pieces(tools.management), tools))

const all = (drop: (management: Management) => Promise<number>) =>
  action(async ({ outgoing }, { management }) => answerJson(outgoing, { num_deleted: await drop(management) }))

/** Never a 404 for what is not there: the image is as it should be. */
const one = (change: (management: Management, id: string) => Promise<unknown>) =>
  action(async ({ id, incoming, outgoing }, { management }) => {
    if (!isImageId(id)) return answerError(incoming, outgoing, 404, `Image ${id} not found.`)
    await change(management, id)
    answerJson(outgoing, null)
  })
