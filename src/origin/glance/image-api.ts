import { type Caller, type HeaderList, OriginError, type Refusal, type ShortAnswer } from '../origin.ts'
import type { Answer } from '../upstream/exchange.ts'
import { readShort } from '../upstream/exchange-body.ts'
import { valuesOf } from '../upstream/hop-by-hop.ts'
import { originForm } from '../upstream/relay-request.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { type GlanceRecord, parseRecord } from './record.ts'
import { refusalOf, shortAnswer } from './refusal.ts'

const recordMost = 1_048_576

/** The requests that the cache makes itself, in the caller's name. */
export class GlanceImageApi {
  readonly where: string
  readonly #upstream: Upstream

  constructor(upstream: Upstream) {
    this.#upstream = upstream
    this.where = upstream.where
  }

  /** GET …/file. `range` is the value of Range. */
  async file(
    id: string,
    caller: Caller,
    range: string | undefined,
    signal?: AbortSignal,
    options: Readonly<{ bulk: boolean }> = { bulk: false },
  ): Promise<Answer> {
    const fields: HeaderList = range === undefined ? [] : [['Range', range]]
    return this.#get(`/v2/images/${encodeURIComponent(id)}/file${caller.query}`, caller, fields, signal, options.bulk)
  }

  async record(id: string, caller: Caller, signal?: AbortSignal): Promise<GlanceRecord | Refusal> {
    const answer = await this.#get(`/v2/images/${encodeURIComponent(id)}`, caller, [], signal)
    if (answer.status !== 200) return refusalOf(answer)
    plain(answer, this.where)
    const { bytes, whole } = await readShort(answer, recordMost)
    if (!whole) throw new OriginError('bad-answer', `${this.where}: an image record longer than ${recordMost} bytes`)
    const found = parseRecord(bytes.toString('utf8'), this.where)
    const isIt = found.record.id.toLowerCase() === id.toLowerCase()
    if (!isIt) throw new OriginError('bad-answer', `${this.where}: asked for the record of ${id}, got another image's`)
    return found
  }

  /** Any short document. `target` is a client's, raw. */
  async read(target: string, caller: Caller, signal?: AbortSignal): Promise<ShortAnswer> {
    return shortAnswer(await this.#get(originForm(target), caller, [], signal))
  }

  #get(path: string, caller: Caller, fields: HeaderList, signal?: AbortSignal, bulk = false): Promise<Answer> {
    // Without it a proxy in between may compress, and neither length nor digest would be the image's.
    const headers = [...caller.headers, ...fields, ['Accept-Encoding', 'identity'] as const]
    const target = this.#upstream.prefix + path
    return this.#upstream.send({ method: 'GET', target, headers, host: caller.host, bulk }, signal)
  }
}

/** The value of a field that may stand only once; the first one counts. */
export function field(answer: Answer, name: string): string | undefined {
  return valuesOf(answer.headers, name)[0]
}

/** Throws when the answer is compressed although it was asked for as it is. */
export function plain(answer: Answer, where: string): void {
  const coding = field(answer, 'content-encoding')?.trim().toLowerCase() ?? 'identity'
  if (coding === 'identity' || coding === '') return
  answer.abort()
  throw new OriginError('bad-answer', `${where}: Content-Encoding ${coding} although identity was asked for`)
}
