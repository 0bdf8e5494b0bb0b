import { ask } from '../../real/ask.ts'
import { eventually } from '../../real/eventually.ts'
import { revoke, tokenOf } from '../../real/keystone.ts'
import { stack } from '../../real/stack.ts'
import { openDirectory, type Person, tokenFor } from './keystone.ts'
import { noteSecret } from './tokens.ts'

/** All that somebody who asks says of himself. */
export type Credentials = Readonly<Record<string, string>>

/** Callers whose token is good; what they may depends on the image. */
export const persons = [
  'owner',
  'reader in the owner’s project',
  'member, accepted',
  'member, pending',
  'member, rejected',
  'other project',
  'other project, forged identity',
  'admin',
  'service user',
] as const
export type PersonName = (typeof persons)[number]

/** Callers whose token is none, or is good no longer: each would be of the owner's project, or a member's. */
export const strangers = [
  'no token',
  'no token, forged identity',
  'malformed token',
  'expired token',
  'expired token beside a service token',
  'revoked token',
  'token of a disabled user',
  'token of a disabled project',
] as const
export type CallerName = PersonName | (typeof strangers)[number]

export interface Callers extends AsyncDisposable {
  readonly credentials: Readonly<Record<CallerName, Credentials>>
  readonly tokens: Readonly<Record<'owner' | 'other' | 'admin', string>>
  /** Project and a token of each member. */
  readonly members: Readonly<Record<'accepted' | 'pending' | 'rejected', Readonly<{ project: string; token: string }>>>
  /** Whoever it is, he has a new token for the same project. */
  anotherToken(of: 'owner' | 'other'): Promise<string>
}

/** What keystonemiddleware itself would tell Glance of an admin of the owner's project. */
const forged = (project: string) => ({
  'x-identity-status': 'Confirmed',
  'x-roles': 'admin,member',
  'x-project-id': project,
  'x-user-id': 'forged',
  'x-is-admin-project': 'True',
})

/** Users, projects and tokens of this run alone. */
export async function openCallers(): Promise<Callers> {
  const directory = await openDirectory()
  const project = await directory.createProject()
  const somebody = async (role: 'reader' | 'member' = 'member', of?: string): Promise<Person> =>
    directory.createPerson(of ?? (await directory.createProject()), role)
  const [owner, reader, other] = [
    await somebody('member', project),
    await somebody('reader', project),
    await somebody(),
  ] as const
  const [accepted, pending, rejected] = [await somebody(), await somebody(), await somebody()] as const
  const [leaving, closing] = [await somebody('member', project), await somebody()] as const

  const expired = await tokenFor(owner, stack.briefKeystoneUrl)
  const [revoked, ofDisabled, ofClosed] = [await tokenFor(owner), await tokenFor(leaving), await tokenFor(closing)]
  await revoke(revoked)
  await directory.disableUser(leaving.id)
  await directory.disableProject(closing.projectId)
  for (const token of [revoked, ofDisabled, ofClosed, expired]) await refused(token)

  const tokens = {
    owner: await tokenFor(owner),
    other: await tokenFor(other),
    admin: noteSecret(await tokenOf('admin')),
  }
  const service = noteSecret(await tokenOf('glance'))
  const member = async (person: Person) => ({ project: person.projectId, token: await tokenFor(person) })
  const members = {
    accepted: await member(accepted),
    pending: await member(pending),
    rejected: await member(rejected),
  }
  const by = (token: string) => ({ 'x-auth-token': token })
  return {
    credentials: {
      owner: by(tokens.owner),
      'reader in the owner’s project': by(await tokenFor(reader)),
      'member, accepted': by(members.accepted.token),
      'member, pending': by(members.pending.token),
      'member, rejected': by(members.rejected.token),
      'other project': by(tokens.other),
      'other project, forged identity': { ...by(tokens.other), ...forged(project) },
      admin: by(tokens.admin),
      'service user': by(service),
      'no token': {},
      'no token, forged identity': forged(project),
      'malformed token': by('gAAAAABnot-a-token'),
      'expired token': by(expired),
      'expired token beside a service token': { ...by(expired), 'x-service-token': service },
      'revoked token': by(revoked),
      'token of a disabled user': by(ofDisabled),
      'token of a disabled project': by(ofClosed),
    },
    tokens,
    members,
    anotherToken: (of) => tokenFor(of === 'owner' ? owner : other),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}

/** Waits until Glance itself does not take the token any more. */
async function refused(token: string): Promise<void> {
  const url = `${stack.glanceUrl}/v2/images?limit=1`
  await eventually('the end of a token', 30, async () => (await ask(url, { token })).status === 401)
}
