import { endToEnd } from '../http/hop-by-hop.ts'
import type { Answer } from './exchange.ts'
import { readShort } from './exchange-body.ts'
import type { Refusal } from './origin.ts'

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
