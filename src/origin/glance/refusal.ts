import type { Refusal, ShortAnswer } from '../origin.ts'
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

/** Any answer, read to its end or to what is kept of it. */
export async function shortAnswer(answer: Answer): Promise<ShortAnswer> {
  const { bytes, whole } = await readShort(answer, bodyMost)
  return { status: answer.status, headers: endToEnd(answer.headers), body: bytes, whole }
}
