import type { TestContext } from 'node:test'
import { cleanup } from '../../support/cleanup.ts'
import type { DriverName } from '../../support/proxy.ts'
import { type ScriptedUpstream, startUpstream } from '../../support/scripted-upstream.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { seed } from '../matrix/sample.ts'
import type { Build } from './build.ts'
import { Disk } from './disk.ts'
import { Images } from './images.ts'
import { rememberedFor } from './load.ts'
import { Marks } from './marks.ts'
import { Oracle } from './oracle.ts'
import { Server } from './server.ts'

/** What lives on from round to round: the store, the cache directory, and what must be in it. */
export type World = Readonly<{
  driver: DriverName
  upstream: ScriptedUpstream
  images: Images
  marks: Marks
  disk: Disk
  oracle: Oracle
  directory: readonly string[]
  /** Not ready yet; it is killed with the test at the latest. */
  start(flags?: readonly string[], env?: Readonly<Record<string, string>>): Server
}>

export async function openWorld(
  t: TestContext,
  build: Build,
  driver: DriverName,
  count: number,
  more: readonly string[] = [],
): Promise<World> {
  const random = seededRandom(seed * 31 + 7)
  const upstream = await startUpstream(t)
  const images = new Images(upstream, random, count)
  const disk = new Disk(await tempDir(t))
  const marks = new Marks()
  const sum = images.ids.reduce((total, id) => total + (images.now(id)?.size ?? 0), 0)
  const directory = [
    `--image-cache-dir=${disk.dir}`,
    `--image-cache-driver=${driver}`,
    `--image-cache-max-size=${Math.round(sum * 0.6)}`,
    '--cache-min-free-space=0',
    `--origin-url=${upstream.url}`,
  ]
  return {
    driver,
    upstream,
    images,
    marks,
    disk,
    oracle: new Oracle({ disk, images, marks, random }),
    directory,
    start(flags = [], env = {}) {
      disk.beforeStart()
      const server = new Server(
        build,
        [
          ...directory,
          '--bind-port=0',
          '--management-bind-port=0',
          '--management-auth=none',
          '--origin-idle-timeout=5',
          `--authorization-ttl=${rememberedFor}`,
          ...more,
          ...flags,
        ],
        env,
      )
      cleanup(t, () => (server.isGone ? undefined : server.kill()))
      return server
    },
  }
}
