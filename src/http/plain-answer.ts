import type { ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import { cutOff } from '../origin/upstream/cut-off.ts'

/** An answer of our own, in the plain form that Glance gives to clients that accept anything. */
export function answerPlainly(
  outgoing: ServerResponse,
  status: number,
  explanation: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (outgoing.headersSent) {
    cutOff(outgoing)
    return
  }
  const body = `${status} ${STATUS_CODES[status] ?? ''}\n\n${explanation}\n`
  outgoing.writeHead(status, {
    'Content-Type': 'text/plain; charset=UTF-8',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  })
  outgoing.end(body)
}
