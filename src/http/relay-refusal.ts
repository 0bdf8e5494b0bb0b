import type { ServerResponse } from 'node:http'
import type { HeaderList, Refusal } from '../origin/origin.ts'

/** Hands the upstream's own answer to the caller it was given to. */
export function relayRefusal(outgoing: ServerResponse, refusal: Refusal, added: HeaderList): void {
  const length = refusal.body.length > 0 || (refusal.status !== 204 && refusal.status !== 304)
  const fields = refusal.headers.filter(([name]) => name.toLowerCase() !== 'content-length')
  outgoing.writeHead(
    refusal.status,
    [...fields, ...added, ...(length ? [['Content-Length', String(refusal.body.length)] as const] : [])].flat(),
  )
  outgoing.end(refusal.body)
}
