import { ask, mustAsk } from './ask.ts'
import { eventually } from './eventually.ts'
import { filePath } from './images.ts'
import { projectIdOf, revoke, tokenOf } from './keystone.ts'
import { stack } from './stack.ts'

/** A reason why Glance refuses a download. */
export type Refusal = Readonly<{
  name: string
  /** Glance's answer. */
  status: number
  /** The token of the caller who will be refused; sets up that it may read alice's image until then, if it ever may. */
  token(imageId: string): Promise<string>
  mayReadFirst: boolean
  /** Brings it about; changes of an image go to `url`, which is Glance or the proxy. */
  cause(imageId: string, token: string, url: string): Promise<void>
  /** True when the image is gone for everybody. */
  gone?: boolean
}>

const alice = () => tokenOf('alice')

/** What lies in the caller. */
export const callerRefusals: readonly Refusal[] = [
  {
    name: 'an image of another project',
    status: 404,
    token: () => tokenOf('bob'),
    mayReadFirst: false,
    cause: async () => undefined,
  },
  {
    name: 'a token that never was one',
    status: 401,
    token: async () => 'gAAAAABnot-a-token',
    mayReadFirst: false,
    cause: async () => undefined,
  },
  { name: 'a revoked token', status: 401, token: alice, mayReadFirst: true, cause: (_, token) => revoke(token) },
  {
    name: 'an expired token',
    status: 401,
    token: () => tokenOf('alice', stack.briefKeystoneUrl),
    mayReadFirst: true,
    cause: expiry,
  },
]

/** What happens to the image. */
export const imageRefusals: readonly Refusal[] = [
  {
    name: 'a deactivated image, for its owner',
    status: 403,
    token: alice,
    mayReadFirst: true,
    async cause(imageId, _, url) {
      await mustAsk(`${url}/v2/images/${imageId}/actions/deactivate`, { method: 'POST', token: await tokenOf('admin') })
    },
  },
  {
    name: 'an image that is shared no longer',
    status: 404,
    async token(imageId) {
      const members = `${stack.glanceUrl}/v2/images/${imageId}/members`
      const member = await projectIdOf('bob')
      const bob = await tokenOf('bob')
      await mustAsk(members, { method: 'POST', token: await alice(), json: { member } })
      await mustAsk(`${members}/${member}`, { method: 'PUT', token: bob, json: { status: 'accepted' } })
      return bob
    },
    mayReadFirst: true,
    async cause(imageId, _, url) {
      const member = `${url}/v2/images/${imageId}/members/${await projectIdOf('bob')}`
      await mustAsk(member, { method: 'DELETE', token: await alice() })
    },
  },
  {
    name: 'a deleted image',
    status: 404,
    token: alice,
    mayReadFirst: true,
    gone: true,
    async cause(imageId, token, url) {
      await mustAsk(`${url}/v2/images/${imageId}`, { method: 'DELETE', token })
    },
  },
]

/** Waits until Glance itself does not take the token any more. */
export async function expiry(imageId: string, token: string): Promise<void> {
  const url = stack.glanceUrl + filePath(imageId)
  const headers = { range: 'bytes=0-0' }
  await eventually('the end of the token', 15, async () => (await ask(url, { token, headers })).status === 401)
}
