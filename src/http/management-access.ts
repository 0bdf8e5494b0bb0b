import type { IncomingMessage } from 'node:http'
import { type Admins, KeystoneFailed } from '../identity/admins.ts'

/** Why somebody may not go on, as it is answered. */
export type Denied = Readonly<{ status: 401 | 503; explanation: string; headers: Readonly<Record<string, string>> }>

/** Who may manage the cache (`management.auth`). */
export type ManagementAccess =
  | Readonly<{ kind: 'everybody' }>
  | Readonly<{ kind: 'nobody' }>
  | Readonly<{ kind: 'admins'; admins: Admins; onFault(error: unknown): void }>

/** Whether who sent this request is an admin, by the token in it. */
export async function judge(access: ManagementAccess, incoming: IncomingMessage): Promise<'admin' | 'other' | Denied> {
  if (access.kind !== 'admins') return access.kind === 'everybody' ? 'admin' : 'other'
  const { admins, onFault } = access
  // Node joins several fields of this name to what is no token.
  const token = incoming.headers['x-auth-token']
  if (typeof token !== 'string' || token === '') return unauthorized(admins)
  try {
    const standing = await admins.standingOf(token)
    return standing === 'unknown' ? unauthorized(admins) : standing
  } catch (error) {
    if (!(error instanceof KeystoneFailed)) throw error
    onFault(error)
    return { status: 503, explanation: 'The Keystone service is temporarily unavailable.', headers: {} }
  }
}

/** As keystonemiddleware answers in front of Glance. */
const unauthorized = ({ challenge }: Admins): Denied => ({
  status: 401,
  explanation:
    'This server could not verify that you are authorized to access the document you requested. Either you supplied' +
    ' the wrong credentials (e.g., bad password), or your browser does not understand how to supply the credentials' +
    ' required.',
  headers: { 'WWW-Authenticate': challenge },
})
