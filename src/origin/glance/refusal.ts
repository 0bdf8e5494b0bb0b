import { OriginError, type Refusal, type ShortAnswer } from '../origin.ts'
import type { Answer } from '../upstream/exchange.ts'
import { readShort } from '../upstream/exchange-body.ts'
import { endToEnd } from '../upstream/hop-by-hop.ts'

const bodyMost = 1_048_576

/** Any answer, to be handed to the caller as it is. */
export async function refusalOf(answer: Answer): Promise<Refusal> {
  const { whole, headers, ...rest } = await shortAnswer(answer)
  const fitting = whole ? headers : headers.filter(([name]) => name.toLowerCase() !== 'content-length')
  return { kind: 'refusal', ...rest, headers: fitting }
}

/**
 * The answer to a download that is none. To its caller a success looks like the image: a part that was not asked for, or
 * what was too long to be kept whole, is no answer.
 */
export async function noImage(answer: Answer): Promise<Refusal> {
  const { status, server } = answer
  const unfit = (what: string) =>
    new OriginError('bad-answer', `${server.where}: status ${status} to a download, ${what}`)
  if (status === 206) {
    answer.abort()
    throw unfit('although no range was asked for')
  }
  if (status >= 300) return refusalOf(answer)
  const { whole, ...rest } = await shortAnswer(answer)
  if (!whole) throw unfit('with more than is kept of it')
  return { kind: 'refusal', ...rest }
}

/** Any answer, read to its end or to what is kept of it. */
export async function shortAnswer(answer: Answer): Promise<ShortAnswer> {
  const { bytes, whole } = await readShort(answer, bodyMost)
  return { status: answer.status, headers: endToEnd(answer.headers), body: bytes, whole }
}
