import type { HeaderList } from '../origin/origin.ts'
import { valuesOf } from '../origin/upstream/hop-by-hop.ts'
import { member, parsedJson } from './json-member.ts'

/** A token as Keystone issued it, and how long it holds from its issue. */
export type IssuedToken = Readonly<{ token: string; lifetimeMs: number }>

/** Reads Keystone's answer to POST /v3/auth/tokens; throws an Error that says what is wrong and what to look at. */
export function readIssuedToken(answer: Readonly<{ status: number; headers: HeaderList; body: string }>): IssuedToken {
  if (answer.status === 401) throw new Error('401: check username, password and project_name')
  if (answer.status === 404) throw new Error('404: check auth_url, it leads to no Identity API v3')
  if (answer.status !== 201) throw new Error(`status ${answer.status}${messageOf(answer.body)}`)
  const token = valuesOf(answer.headers, 'x-subject-token')[0]
  if (token === undefined || token === '') throw new Error('a 201 without X-Subject-Token')
  const described = member(parsedJson(answer.body), 'token')
  const [issued, expires] = ['issued_at', 'expires_at'].map((name) => Date.parse(String(member(described, name))))
  const lifetimeMs = (expires ?? Number.NaN) - (issued ?? Number.NaN)
  if (!(lifetimeMs > 0)) throw new Error('a token without issued_at and expires_at that follow each other')
  return { token, lifetimeMs }
}

/** Keystone's own explanation, `{"error": {"message": …}}`, when there is one. */
function messageOf(body: string): string {
  const message = member(member(parsedJson(body), 'error'), 'message')
  return typeof message === 'string' ? `: ${message.slice(0, 300)}` : ''
}
