import { isImageId } from '../src/cache/image-id.ts'
import { apiVersion } from '../src/http/api-paths.ts'
import type { EndpointFamily, ManagementRequest } from '../src/http/endpoints.ts'
import { answerError } from '../src/http/error-page.ts'
import { cachedAndQueued } from '../src/http/glance-lists.ts'
import { answerEmpty, answerJson, streamJson } from '../src/http/json-answer.ts'
import { originFailure } from '../src/http/origin-failure.ts'
import { relayRefusal } from '../src/http/relay-refusal.ts'
import type { Management } from '../src/management/management.ts'
import { type Origin, OriginError } from '../src/origin/origin.ts'

export type CacheManageTools = Readonly<{
  management: Management
  origin: Origin
  /** A client that takes nothing of a long list for this long is cut off (ms). */
  idleTimeoutMs: number
  /** A list could not be given to its end. */
  onFault(error: unknown): void
}>

const under = (rest: string) => new RegExp(`^${apiVersion}/cache${rest}$`)

/** `/v2/cache`, as Glance has it since v2.14 (clean and prune since v2.18). */
export const cacheManage: EndpointFamily<CacheManageTools> = {
  owns: under('(?:/.*)?'),
  otherMethods: 405,
  endpoints: [
    {
      path: under(''),
      methods: {
        GET: {
          policy: 'cache_list',
          run: ({ outgoing }, tools) => streamJson(outgoing, cachedAndQueued(tools.management), tools),
        },
        DELETE: { policy: 'cache_delete', run: clear },
      },
    },
    {
      path: under('/clean'),
      methods: {
        POST: {
          policy: 'cache_clean',
          async run({ outgoing }, { management }) {
            await management.clean()
            answerEmpty(outgoing, 200)
          },
        },
      },
    },
    {
      path: under('/prune'),
      methods: {
        POST: {
          policy: 'cache_prune',
          async run({ outgoing }, { management }) {
            const { files, bytes } = await management.prune()
            answerJson(outgoing, { total_files_pruned: files, total_bytes_pruned: bytes })
          },
        },
      },
    },
    {
      path: under('/nodes/([^/]+)'),
      methods: {
        GET: {
          policy: 'list_cached_nodes',
          run: ({ incoming, outgoing }) => answerError(incoming, outgoing, 409, 'Centralized caching is not enabled'),
        },
      },
    },
    {
      // `nodes` alone is Glance's `/cache/{image_id}` too, for PUT and DELETE.
      path: under('/([^/]+)'),
      methods: {
        DELETE: { policy: 'cache_delete', run: remove },
        PUT: { policy: 'cache_image', run: prefetch },
      },
    },
  ],
}

async function clear({ incoming, outgoing }: ManagementRequest, { management }: CacheManageTools): Promise<void> {
  const target = String(incoming.headers['x-image-cache-clear-target'] ?? '').toLowerCase()
  if (target !== '' && target !== 'cache' && target !== 'queue') {
    const explanation = "If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string."
    answerError(incoming, outgoing, 400, explanation)
    return
  }
  // The queue first: what it has would come back into the cache.
  if (target !== 'cache') await management.unqueueAll()
  if (target !== 'queue') await management.removeAll()
  answerEmpty(outgoing, 204)
}

/** What is here goes without asking the store, which may not know the image any more. */
async function remove(request: ManagementRequest, tools: CacheManageTools): Promise<void> {
  const { id, outgoing } = request
  if (!isImageId(id)) return notFound(request)
  const wasQueued = await tools.management.unqueue(id)
  const wasCached = await tools.management.remove(id)
  if (wasQueued || wasCached || (await statusOf(tools, request)) !== undefined) answerEmpty(outgoing, 204)
}

async function prefetch(request: ManagementRequest, tools: CacheManageTools): Promise<void> {
  const { id, incoming, outgoing, caller } = request
  if (!isImageId(id)) return notFound(request)
  const status = await statusOf(tools, request)
  if (status === undefined) return
  if (status !== 'active') {
    answerError(incoming, outgoing, 400, 'Only images with status active can be targeted for queueing')
    return
  }
  await tools.management.prefetch(id, caller)
  answerEmpty(outgoing, 202)
}

/** The image's status by the store's word to this caller; undefined when the request has been answered by that. */
async function statusOf({ origin }: CacheManageTools, request: ManagementRequest): Promise<string | undefined> {
  const { id, incoming, outgoing, caller } = request
  try {
    const described = await origin.describe(id, caller)
    if (described.kind === 'described') return described.record.status
    if (described.status === 404) notFound(request)
    else relayRefusal(outgoing, described, [])
  } catch (error) {
    if (!(error instanceof OriginError)) throw error
    answerError(incoming, outgoing, ...originFailure(error))
  }
  return undefined
}

function notFound({ id, incoming, outgoing }: ManagementRequest): void {
  answerError(incoming, outgoing, 404, `Image ${id} not found.`)
}
