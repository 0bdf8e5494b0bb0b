import { isImageId } from '../src/cache/image-id.ts'
import type { Action, EndpointFamily, ManagementRequest } from '../src/http/endpoints.ts'
import { answerError } from '../src/http/error-page.ts'
import { answerEmpty, answerJson, streamJson } from '../src/http/json-answer.ts'
import { imageList, incompleteForm, queuedForm, stateForm } from '../src/http/own-forms.ts'
import type { Management } from '../src/management/management.ts'
import type { Prefetcher } from '../src/management/prefetcher.ts'
import { prefetchStream } from './prefetch-stream.ts'

export type OwnApiTools = Readonly<{
  management: Management
  prefetcher: Pick<Prefetcher, 'runQueued'>
  /** A client that takes nothing of a long list for this long is cut off (ms). */
  idleTimeoutMs: number
  /** A list could not be given to its end. */
  onFault(error: unknown): void
}>

type Run = (request: ManagementRequest, tools: OwnApiTools) => Promise<void>

// Glance has no policies for these: its words for the like.
const reading = (run: Run): Action<OwnApiTools> => ({ policy: 'cache_list', run })
const changing = (run: Run): Action<OwnApiTools> => ({ policy: 'manage_image_cache', run })

const under = (rest: string) => new RegExp(`^/api/v1/cache${rest}$`)
const one = '([^/]+)'

/** What Glance has no endpoint for, under `/api/v1/cache`. Times are Unix milliseconds, sizes bytes. */
export const ownApi: EndpointFamily<OwnApiTools> = {
  owns: under('(?:/.*)?'),
  otherMethods: 405,
  endpoints: [
    {
      path: under('/images'),
      methods: {
        GET: reading(({ outgoing }, tools) => streamJson(outgoing, imageList(tools.management), tools)),
      },
    },
    {
      path: under(`/images/${one}`),
      methods: { GET: reading(ofImage(async (management, id) => stateForm(await management.show(id)))) },
    },
    {
      path: under(`/images/${one}/pin`),
      methods: { PUT: changing(pin(true)), DELETE: changing(pin(false)) },
    },
    {
      path: under(`/images/${one}/verify`),
      methods: { POST: changing(ofImage((management, id) => management.verify(id))) },
    },
    {
      path: under('/prefetch'),
      methods: { POST: changing(prefetchStream) },
    },
    {
      path: under('/incomplete'),
      methods: {
        GET: reading(async ({ outgoing }, { management }) =>
          answerJson(outgoing, { incomplete: (await management.incomplete()).map(incompleteForm) }),
        ),
      },
    },
    {
      path: under('/queue'),
      methods: {
        GET: reading(async ({ outgoing }, { management }) =>
          answerJson(outgoing, { queue: (await management.queued()).map(queuedForm) }),
        ),
      },
    },
  ],
}

/** Answers with what there is about one image. */
function ofImage(find: (management: Management, id: string) => Promise<unknown>): Run {
  return async (request, { management }) => {
    const found = isImageId(request.id) ? await find(management, request.id) : undefined
    if (found === undefined) notCached(request)
    else answerJson(request.outgoing, found)
  }
}

function pin(pinned: boolean): Run {
  return async (request, { management }) => {
    if (isImageId(request.id) && (await management.pin(request.id, pinned))) answerEmpty(request.outgoing, 204)
    else notCached(request)
  }
}

function notCached({ id, incoming, outgoing }: ManagementRequest): void {
  answerError(incoming, outgoing, 404, `Image ${id} not found.`)
}
