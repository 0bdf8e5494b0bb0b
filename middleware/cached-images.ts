import { isImageId } from '../src/cache/image-id.ts'
import { apiVersion } from '../src/http/api-paths.ts'
import type { Action, EndpointFamily, ManagementRequest } from '../src/http/endpoints.ts'
import { answerError } from '../src/http/error-page.ts'
import { cachedOnly, queuedOnly } from '../src/http/glance-lists.ts'
import { answerJson, streamJson } from '../src/http/json-answer.ts'
import type { Management } from '../src/management/management.ts'
import type { CacheManageTools } from './cache-manage.ts'

/**
 * `/v2/cached_images` and `/v2/queued_images`, as Glance has them with its `cachemanage` filter; with hyphens and without
 * the version too, as articles and old clients write them. `enabled` false: as in Glance without the filter.
 */
export function cachedImages(tools: CacheManageTools, enabled: boolean): EndpointFamily {
  const { management } = tools
  const under = (rest: string) => new RegExp(`^(?:${apiVersion})?/${rest}$`)
  const list = (pieces: (from: Management) => AsyncIterable<string>) =>
    action(({ outgoing }) => streamJson(outgoing, pieces(management), tools))
  const all = (drop: () => Promise<number>) =>
    action(async ({ outgoing }) => answerJson(outgoing, { num_deleted: await drop() }))
  // Never a 404 for what is not there: the image is as it should be.
  const one = (change: (id: string) => Promise<unknown>) =>
    action(async ({ id, incoming, outgoing }) => {
      if (!isImageId(id)) return answerError(incoming, outgoing, 404, `Image ${id} not found.`)
      await change(id)
      answerJson(outgoing, null)
    })
  return {
    owns: under('(?:cached|queued)[_-]images(?:/.*)?'),
    otherMethods: 404,
    endpoints: !enabled
      ? []
      : [
          {
            path: under('cached[_-]images'),
            methods: { GET: list(cachedOnly), DELETE: all(() => management.removeAll()) },
          },
          {
            path: under('queued[_-]images'),
            methods: { GET: list(queuedOnly), DELETE: all(() => management.unqueueAll()) },
          },
          {
            path: under('cached[_-]images/([^/]+)'),
            methods: { DELETE: one((id) => management.remove(id)) },
          },
          {
            path: under('queued[_-]images/([^/]+)'),
            methods: { PUT: one((id) => management.queue(id)), DELETE: one((id) => management.unqueue(id)) },
          },
        ],
  }
}

const action = (run: (request: ManagementRequest) => Promise<void>): Action => ({ policy: 'manage_image_cache', run })
