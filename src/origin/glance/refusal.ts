import type { Refusal } from '../origin.ts'
import type { Answer } from '../upstream/exchange.ts'
import { readShort } from '../upstream/exchange-body.ts'
import { endToEnd } from '../upstream/hop-by-hop.ts'

const bodyMost = 1_048_576

/** Any answer, to be handed to the caller as it is. */
export async function refusalOf(answer: Answer): Promise<Refusal> {
  const { bytes, whole } = await readShort(answer, bodyMost)
  const headers = endToEnd(answer.headers)
  return {
    kind: 'refusal',
    status: answer.status,
    headers: whole ? headers : headers.filter(([name]) => name.toLowerCase() !== 'content-length'),
    body: bytes,
  }
}
