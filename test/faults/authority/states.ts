import type { CallerName, Callers } from './callers.ts'
import { persons, strangers } from './callers.ts'
import { type ImageChanges, purgeDeleted, type Visibility } from './glance.ts'

/** What an image has come to by the time that it is asked for. */
export type ImageState = Readonly<{
  name: string
  /** How it begins, for whoever brings it into the cache. */
  visibility: Visibility
  /** Made before it is cached; without it, only its bytes are uploaded. */
  prepare?(callers: Callers, id: string, at: ImageChanges): Promise<void>
  /** What happens then, behind the cache's back, to all images of a scene. */
  change?(callers: Callers, images: Changing, at: Glances): Promise<void>
  /** Who asks. */
  callers: readonly CallerName[]
  /** Whom Glance allows to read it: that the scene is what it says it is. */
  readers: readonly CallerName[]
  /** There is nothing to download, ever. */
  isEmpty?: true
  /** Whoever may read it gets it, but it is not brought into the cache: only active images are. */
  isNotCached?: true
  /** By now the id means another image. */
  isAnother?: true
}>

/** `other`: bytes of the same size for whoever gets the ids next. */
export type Changing = Readonly<{ ids: readonly string[]; other: Buffer }>
/** `glance` deletes at once; `patient` keeps the data. */
export type Glances = Readonly<{ glance: ImageChanges; patient: ImageChanges }>

const members = ['member, accepted', 'member, pending', 'member, rejected'] as const
const always = ['admin', 'service user'] as const
const project = ['owner', 'reader in the owner’s project', ...always] as const
const all = [...persons, 'expired token beside a service token'] as const
const outsiders = [
  'owner',
  'reader in the owner’s project',
  'other project',
  'other project, forged identity',
  ...always,
] as const

async function share({ tokens, members }: Callers, id: string, at: ImageChanges): Promise<void> {
  for (const [status, { project, token }] of Object.entries(members)) {
    await at.addMember(tokens.owner, id, project)
    if (status === 'accepted' || status === 'rejected') await at.answerMembership(token, id, project, status)
  }
}

const each =
  (act: (callers: Callers, id: string, at: ImageChanges) => Promise<void>) =>
  async (callers: Callers, { ids }: Changing, { patient }: Glances) => {
    for (const id of ids) await act(callers, id, patient)
  }

export const states: readonly ImageState[] = [
  {
    name: 'private image',
    visibility: 'private',
    callers: [...outsiders, ...strangers],
    readers: [...project, 'expired token beside a service token'],
  },
  { name: 'shared image', visibility: 'shared', prepare: share, callers: persons, readers: [...project, ...members] },
  { name: 'community image', visibility: 'community', callers: outsiders, readers: all },
  { name: 'public image', visibility: 'public', callers: [...outsiders, ...strangers], readers: all },
  {
    name: 'hidden public image',
    visibility: 'public',
    prepare: ({ tokens }, id, at) => at.set(tokens.owner, id, 'os_hidden', true),
    callers: outsiders,
    readers: all,
  },
  {
    name: 'protected private image',
    visibility: 'private',
    prepare: ({ tokens }, id, at) => at.set(tokens.owner, id, 'protected', true),
    callers: outsiders,
    readers: project,
  },
  {
    name: 'public image, private by now',
    visibility: 'public',
    change: each(({ tokens }, id, at) => at.set(tokens.admin, id, 'visibility', 'private')),
    callers: outsiders,
    readers: project,
  },
  {
    name: 'shared image, private by now',
    visibility: 'shared',
    prepare: share,
    change: each(({ tokens }, id, at) => at.set(tokens.owner, id, 'visibility', 'private')),
    callers: persons,
    readers: project,
  },
  {
    name: 'shared image, its members removed',
    visibility: 'shared',
    prepare: share,
    change: each(async ({ tokens, members }, id, at) => {
      for (const { project } of Object.values(members)) await at.removeMember(tokens.owner, id, project)
    }),
    callers: persons,
    readers: project,
  },
  {
    name: 'public image, deactivated',
    visibility: 'public',
    change: each(({ tokens }, id, at) => at.deactivate(tokens.admin, id)),
    isNotCached: true,
    callers: outsiders,
    readers: always,
  },
  {
    name: 'shared image, deactivated',
    visibility: 'shared',
    prepare: share,
    change: each(({ tokens }, id, at) => at.deactivate(tokens.admin, id)),
    isNotCached: true,
    callers: persons,
    readers: always,
  },
  { name: 'image without data', visibility: 'public', callers: outsiders, readers: [], isEmpty: true },
  {
    name: 'deleted image',
    visibility: 'public',
    async change({ tokens }, { ids }, { glance }) {
      for (const id of ids) await glance.delete(tokens.owner, id)
    },
    callers: outsiders,
    readers: [],
  },
  {
    name: 'deleted image, its data kept (pending_delete)',
    visibility: 'public',
    change: each(({ tokens }, id, at) => at.delete(tokens.owner, id)),
    callers: outsiders,
    readers: [],
  },
  {
    name: 'public image, its id given to another project’s private one',
    visibility: 'public',
    isAnother: true,
    async change({ tokens }, { ids, other }, { glance, patient }) {
      for (const id of ids) await glance.delete(tokens.owner, id)
      await purgeDeleted()
      for (const id of ids) {
        await patient.create(tokens.other, id, 'private')
        await patient.upload(tokens.other, id, other)
      }
    },
    callers: outsiders,
    readers: ['other project', 'other project, forged identity', ...always],
  },
]
