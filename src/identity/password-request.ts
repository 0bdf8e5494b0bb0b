import type { Question } from '../origin/upstream/exchange.ts'
import { tokenRequest } from './token-request.ts'

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
  return tokenRequest(target, {
    identity: { methods: ['password'], password: { user } },
    scope: { project: { name: scope.projectName, domain: { id: scope.projectDomainId } } },
  })
}
