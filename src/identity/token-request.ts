import { Readable } from 'node:stream'
import type { Question } from '../origin/upstream/exchange.ts'

/** POST /v3/auth/tokens (Identity API v3); `auth` is the member of that name, `target` the path without a query. */
export function tokenRequest(target: string, auth: object): Question {
  const body = Buffer.from(JSON.stringify({ auth }))
  return {
    method: 'POST',
    // The catalogue may be megabytes in a large cloud, and nobody here reads it.
    target: `${target}?nocatalog`,
    headers: [
      ['Accept', 'application/json'],
      ['Content-Type', 'application/json'],
      ['Content-Length', String(body.length)],
    ],
    body: Readable.from([body]),
  }
}
