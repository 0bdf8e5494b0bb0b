import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { get } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import type { DriverName } from '../../support/proxy.ts'
import type { Build } from './build.ts'
import { listed } from './operations.ts'
import type { Server } from './server.ts'
import { openWorld, type World } from './world.ts'

/** The large image that most of these are about: 1 MiB. */
export const large = imageId(8)

/** One step that is interrupted: a world with all images that it needs in the cache, and words for what is waited for. */
export class Scene {
  readonly world: World
  readonly size: number

  constructor(world: World) {
    this.world = world
    this.size = world.images.now(large)?.size ?? assert.fail('no such image')
  }

  url(server: Server, id = large): string {
    return `${server.url}/v2/images/${id}/file`
  }

  /** Asks for these and waits until they are cached. */
  async fill(server: Server, ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      this.world.marks.wasAsked(id)
      assert((await deadline(get(this.url(server, id)), `${id} is answered`)).complete)
    }
    const areCached = async () => {
      const { images } = await listed(server)
      return ids.every((id) => images.some((image) => image.id === id))
    }
    await eventually(areCached, 'all are cached')
  }

  /** Looks at the disk as often as it can, for at most 10 s, until this holds. */
  async see(holds: () => boolean, what: string): Promise<void> {
    const end = performance.now() + 10_000
    while (!holds()) {
      assert(performance.now() < end, `not seen within 10 s: ${what}`)
      await turn()
    }
  }

  sizeOf(place: '' | 'incomplete', id = large): number {
    return statSync(join(this.world.disk.dir, place, id), { throwIfNoEntry: false })?.size ?? -1
  }

  /** After the kill: everything is as it must be, and the large image can be had, whole. Gives the ranges of downloads for that. */
  async afterKill(server: Server): Promise<void> {
    const { oracle, images, marks } = this.world
    const before = oracle.before(false)
    await server.kill()
    const next = await this.world.start().ready()
    await oracle.check(next, before, true, false)
    marks.wasAsked(large)
    const got = await deadline(get(this.url(next)), 'the image is answered', 20_000)
    assert(got.complete && images.now(large)?.bytes?.equals(got.body) === true, 'the whole image')
    await this.fill(next, [large])
    await oracle.check(next, { ids: [large] }, false, false)
    await next.kill()
  }
}

export async function openScene(t: TestContext, build: Build, driver: DriverName): Promise<Scene> {
  return new Scene(await openWorld(t, build, driver, 14))
}
