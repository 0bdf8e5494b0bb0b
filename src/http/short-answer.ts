import type { ServerResponse } from 'node:http'
import { cutOff } from '../origin/upstream/cut-off.ts'

/** A whole answer of ours. When another one has begun already the connection is reset: it must not look complete. */
export function answerShortly(
  outgoing: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): void {
  if (outgoing.headersSent) {
    cutOff(outgoing)
    return
  }
  outgoing.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), ...headers })
  outgoing.end(body)
}
