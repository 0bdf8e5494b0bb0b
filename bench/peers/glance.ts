import { join } from 'node:path'
import { waitUntil } from '../deadline.ts'
import { downloadPath } from '../site.ts'
import { cachingGlanceUrl, glanceUrl, request } from './openstack.ts'
import type { PeerKind } from './peer.ts'

/** A running Glance is used as it is; only the images in it are the run's own. */
const leaveRunning = async (): Promise<void> => {}

/** Glance as it is without any cache: its own store, a directory on the same disk. */
export const glance: PeerKind = {
  name: 'Glance without a cache',
  async start({ openstack }) {
    const { token, pidOf, dir } = await openstack()
    const port = Number(new URL(glanceUrl).port)
    return {
      pid: await pidOf('glance'),
      upstream: undefined,
      target: (image) => ({ port, path: downloadPath(image), header: `X-Auth-Token: ${token}` }),
      cold: async () => {},
      isHit: () => true,
      stored: async ({ id }) => [join(dir, 'images', id)],
      stop: leaveRunning,
    }
  },
}

/** Glance with its own image cache. */
export const cachingGlance: PeerKind = {
  name: 'Glance with its own cache',
  async start({ openstack }) {
    const { token, pidOf, dir } = await openstack()
    const port = Number(new URL(cachingGlanceUrl).port)
    return {
      pid: await pidOf('glance-cached'),
      upstream: undefined,
      target: (image) => ({ port, path: downloadPath(image), header: `X-Auth-Token: ${token}` }),
      async cold({ id }) {
        const list = `${cachingGlanceUrl}/v2/cached_images`
        await request(`${list}/${id}`, { method: 'DELETE', token })
        await waitUntil(
          `Glance to forget ${id}`,
          10,
          async () => !(await (await request(list, { token })).text()).includes(id),
        )
      },
      // On a miss its cache takes the length away: the answer is chunked.
      isHit: (headers) => headers['content-length'] !== undefined,
      stored: async ({ id }) => [join(dir, 'cache', id)],
      stop: leaveRunning,
    }
  },
}
