import { Readable } from 'node:stream'
import type { Question } from '../origin/upstream/exchange.ts'

/** Who asks Keystone, and for which project. */
export type PasswordScope = Readonly<{
  username: string
  password: string
  projectName: string
  userDomainId: string
  projectDomainId: string
}>

/** POST /v3/auth/tokens with a password, scoped to a project (Identity API v3, "Password authentication"). */
export function passwordRequest(target: string, scope: PasswordScope): Question {
  const user = { name: scope.username, domain: { id: scope.userDomainId }, password: scope.password }
  const body = Buffer.from(
    JSON.stringify({
      auth: {
        identity: { methods: ['password'], password: { user } },
        scope: { project: { name: scope.projectName, domain: { id: scope.projectDomainId } } },
      },
    }),
  )
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
