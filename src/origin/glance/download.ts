import { type Caller, type Download, type Identity, OriginError, type RangeWanted, type Refusal } from '../origin.ts'
import type { Answer } from '../upstream/exchange.ts'
import { endToEnd } from '../upstream/hop-by-hop.ts'
import { identityOf, partOf } from './identity.ts'
import { type GlanceImageApi, plain } from './image-api.ts'
import type { RangeMemory } from './ranges.ts'
import { noImage, refusalOf } from './refusal.ts'
import { wholeInstead } from './whole.ts'

/** Opens a download; where the store does no ranges, of the whole image. */
export async function download(
  api: GlanceImageApi,
  ranges: RangeMemory,
  id: string,
  caller: Caller,
  wanted?: RangeWanted,
  signal?: AbortSignal,
): Promise<Download | Refusal> {
  const range = ranges.lacks(id) ? undefined : rangeField(wanted)
  const first = await api.file(id, caller, range, signal, { bulk: true })
  if (first.status === 200 && range !== undefined) ranges.refused(id)
  if (first.status !== 400 || range === undefined) return opened(api, first, wanted, range !== undefined)
  const refusal = await refusalOf(first)
  const refused = { status: 400, wording: refusal.body.toString('latin1') }
  const whole = await wholeInstead(api, ranges, id, caller, refused, signal)
  return opened(api, whole, wanted, false)
}

function rangeField(wanted: RangeWanted | undefined): string | undefined {
  if (wanted === undefined || (wanted.start === 0 && wanted.end === undefined)) return undefined
  return `bytes=${wanted.start}-${wanted.end === undefined ? '' : wanted.end - 1}`
}

async function opened(
  { where }: GlanceImageApi,
  answer: Answer,
  wanted: RangeWanted | undefined,
  ranged: boolean,
): Promise<Download | Refusal> {
  if (answer.status === 206 && ranged) {
    plain(answer, where)
    const { range, identity } = partOf(answer, where)
    if (range.start !== wanted?.start || range.end > (wanted.end ?? range.end)) {
      answer.abort()
      const asked = `${wanted?.start}-${wanted?.end ?? ''}`
      throw new OriginError('bad-answer', `${where}: asked for bytes ${asked}, got ${range.start}-${range.end} of them`)
    }
    return asDownload(answer, 206, range.start, identity, range.end - range.start, where)
  }
  if (answer.status === 200) {
    plain(answer, where)
    const identity = identityOf(answer, where)
    return asDownload(answer, 200, 0, identity, identity.size, where)
  }
  return noImage(answer)
}

function asDownload(
  answer: Answer,
  status: 200 | 206,
  offset: number,
  identity: Identity,
  length: number | undefined,
  where: string,
): Download {
  return {
    kind: 'download',
    status,
    headers: endToEnd(answer.headers),
    offset,
    identity,
    async deliver(take, room) {
      let received = 0
      await answer.deliver((chunk) => {
        received += chunk.length
        take(chunk)
      }, room)
      // Chunks end cleanly wherever the server ends them; only Content-Range says how many bytes they should be.
      if (length !== undefined && received !== length) {
        throw new OriginError('broken', `${where}: the body ended after ${received} of ${length} bytes`)
      }
    },
    pause: () => answer.pause(),
    resume: () => answer.resume(),
    abort: () => answer.abort(),
  }
}
