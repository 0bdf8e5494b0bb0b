import type { Callers } from './callers.ts'
import type { ImageChanges, Visibility } from './glance.ts'

/** Something after which one caller, who was allowed to read, is not any more. */
export type Changed = Readonly<{
  name: string
  visibility: Visibility
  prepare?(callers: Callers, id: string, at: ImageChanges): Promise<void>
  /** Who could read until then. */
  tokenOf(callers: Callers): string
  make(callers: Callers, id: string, at: ImageChanges): Promise<void>
  /** What Glance says to him afterwards. */
  status: 403 | 404
}>

const shareAccepted = async ({ tokens, members: { accepted } }: Callers, id: string, at: ImageChanges) => {
  await at.addMember(tokens.owner, id, accepted.project)
  await at.answerMembership(accepted.token, id, accepted.project, 'accepted')
}

export const changes: readonly Changed[] = [
  {
    name: 'deactivated',
    visibility: 'private',
    tokenOf: ({ tokens }) => tokens.owner,
    make: ({ tokens }, id, at) => at.deactivate(tokens.admin, id),
    status: 403,
  },
  {
    name: 'deleted',
    visibility: 'private',
    tokenOf: ({ tokens }) => tokens.owner,
    make: ({ tokens }, id, at) => at.delete(tokens.owner, id),
    status: 404,
  },
  {
    name: 'public image made private',
    visibility: 'public',
    tokenOf: ({ tokens }) => tokens.other,
    make: ({ tokens }, id, at) => at.set(tokens.admin, id, 'visibility', 'private'),
    status: 404,
  },
  {
    name: 'community image made private',
    visibility: 'community',
    tokenOf: ({ tokens }) => tokens.other,
    make: ({ tokens }, id, at) => at.set(tokens.owner, id, 'visibility', 'private'),
    status: 404,
  },
  {
    name: 'member removed',
    visibility: 'shared',
    prepare: shareAccepted,
    tokenOf: ({ members }) => members.accepted.token,
    make: ({ tokens, members }, id, at) => at.removeMember(tokens.owner, id, members.accepted.project),
    status: 404,
  },
  {
    name: 'shared image made private',
    visibility: 'shared',
    prepare: shareAccepted,
    tokenOf: ({ members }) => members.accepted.token,
    make: ({ tokens }, id, at) => at.set(tokens.owner, id, 'visibility', 'private'),
    status: 404,
  },
]
