import type { Caller, Granted, Refusal } from '../origin.ts'
import { readShort } from '../upstream/exchange-body.ts'
import { identityOf, partOf } from './identity.ts'
import { type GlanceImageApi, plain } from './image-api.ts'
import type { RangeMemory } from './ranges.ts'
import type { GlanceRecord } from './record.ts'
import { noImage, refusalOf } from './refusal.ts'
import { wholeInstead } from './whole.ts'

const byteMost = 65_536

/**
 * May the caller read this image's data? A download of one byte is the one request to which Glance applies visibility,
 * the download_image policy and deactivation at once (its record alone would not: CVE-2013-4428).
 */
export async function ask(
  api: GlanceImageApi,
  ranges: RangeMemory,
  id: string,
  asking: Caller,
  signal?: AbortSignal,
): Promise<Granted | Refusal> {
  // Which store is preferred (`prefer=`) says nothing about what is here: as in Glance's own cache it is ignored then,
  // even where there is no such store and a download would be refused for it.
  const caller = { ...asking, query: '' }
  // Where stores without ranges are known, the answer may be their 400, and size and digest must come from the record.
  const beside = ranges.any ? recordOrNothing(api, id, caller, signal) : undefined
  const answer = await api.file(id, caller, 'bytes=0-0', signal)
  if (answer.status === 206) {
    const { identity } = partOf(answer, api.where)
    plain(answer, api.where)
    await readShort(answer, byteMost)
    ranges.given(id)
    return { kind: 'granted', identity }
  }
  if (answer.status === 200) {
    const identity = identityOf(answer, api.where)
    answer.abort()
    ranges.refused(id)
    return { kind: 'granted', identity }
  }
  const refusal = await refusalOf(answer)
  if ([401, 403, 404].includes(answer.status)) return refusal
  const wording = refusal.body.toString('latin1')
  const described = await beside
  if (described !== undefined) ranges.place(id, described.stores)
  if (answer.status === 400 && described !== undefined && ranges.means(id, wording)) {
    const { size, md5 } = described.record
    return { kind: 'granted', identity: { size, md5 } }
  }
  // An image without data gives 500, an empty one 416: the plain download says in Glance's own words how it stands.
  const whole = await wholeInstead(api, ranges, id, caller, { status: answer.status, wording }, signal)
  if (whole.status !== 200) return noImage(whole)
  const identity = identityOf(whole, api.where)
  whole.abort()
  return { kind: 'granted', identity }
}

/** The record if the caller gets it; what stands in the way shows in the answer to the question itself. */
async function recordOrNothing(
  api: GlanceImageApi,
  id: string,
  caller: Caller,
  signal?: AbortSignal,
): Promise<GlanceRecord | undefined> {
  try {
    const described = await api.record(id, caller, signal)
    return 'record' in described ? described : undefined
  } catch {
    // The plain download is the way out then, as it is the first time.
    return undefined
  }
}
