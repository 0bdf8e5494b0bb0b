import type { Origin, Refusal } from '../origin.ts'
import { IllegalRequest } from '../upstream/exchange-failure.ts'
import { relay } from '../upstream/relay.ts'
import { openUpstream, type UpstreamOptions } from '../upstream/upstream.ts'
import { ask } from './ask.ts'
import { download } from './download.ts'
import { GlanceImageApi } from './image-api.ts'
import { RangeMemory } from './ranges.ts'

export type GlanceOptions = Omit<UpstreamOptions, 'what'>

/** A Glance (image API v2) as the origin. Opens no connection yet; throws when the url or the CA file is no use. */
export function openGlance(options: GlanceOptions): Origin {
  const upstream = openUpstream({ ...options, what: 'image store' })
  const api = new GlanceImageApi(upstream)
  const ranges = new RangeMemory()
  return {
    type: 'glance',
    ask: (id, caller, signal) => ask(api, ranges, id, caller, signal).catch(illegal),
    async describe(id, caller, signal) {
      const found = await api.record(id, caller, signal).catch(illegal)
      if (!('record' in found)) return found
      ranges.place(id, found.stores)
      return { kind: 'described', record: found.record }
    },
    download: (id, caller, range, signal) => download(api, ranges, id, caller, range, signal).catch(illegal),
    lacksRanges: (id) => ranges.lacks(id),
    read: (target, caller, signal) => api.read(target, caller, signal),
    relay: (incoming, outgoing, options) => relay(upstream, incoming, outgoing, options),
    [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
  }
}

/** The caller's own fields made the request impossible: a 400 for the caller; the store was not asked. */
function illegal(error: unknown): Refusal {
  if (!(error instanceof IllegalRequest)) throw error
  const body = Buffer.from(`400 Bad Request\n\n${error.message}\n\n`)
  return {
    kind: 'refusal',
    status: 400,
    headers: [
      ['Content-Type', 'text/plain; charset=UTF-8'],
      ['Content-Length', String(body.length)],
    ],
    body,
  }
}
