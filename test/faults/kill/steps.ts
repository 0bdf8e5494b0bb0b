import assert from 'node:assert/strict'
import { get, open } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import type { SeededRandom } from '../../support/seeded-random.ts'
import { operate } from './operations.ts'
import { large, type Scene } from './scene.ts'
import type { Server } from './server.ts'

/** A step in which a server is killed. `run` brings it there; what is told of it was seen. */
export type Step = Readonly<{
  name: string
  client: string
  disk: string
  run(scene: Scene, random: SeededRandom): Promise<void>
}>

const slow = { bytesPerSecond: 3_000_000 }

/** Whoever was reading sees that it is not the whole. */
async function cutOff(reading: ReturnType<typeof get>): Promise<void> {
  assert(!(await deadline(reading, 'the client sees an end')).complete, 'cut off')
}

export const steps: readonly Step[] = [
  {
    name: 'a fill, bytes arrive',
    client: 'cut off, by a reset; then the whole image',
    disk: 'left over, gone on with',
    async run(scene, random) {
      const { upstream, start } = scene.world
      const server = await start().ready()
      upstream.nextFile(large, slow)
      const at = random.between(1, scene.size >> 1)
      const reading = get(scene.url(server))
      await scene.see(() => scene.sizeOf('incomplete') >= at, 'the file grows')
      await Promise.all([cutOff(reading), scene.afterKill(server)])
      const ranges = upstream.downloads(large).map((request) => request.header('range'))
      assert.match(String(ranges.at(-1)), /^bytes=\d+-$/, 'only the rest was asked for')
    },
  },
  {
    name: 'a commit, before the name',
    client: 'the whole image, or cut off, by a reset; then the whole image',
    disk: 'committed, or left over, gone on with',
    async run(scene) {
      const server = await scene.world.start().ready()
      const reading = get(scene.url(server))
      await scene.see(
        () => scene.sizeOf('incomplete') === scene.size || scene.sizeOf('') === scene.size,
        'all bytes are in the file',
      )
      await Promise.all([reading, scene.afterKill(server)])
    },
  },
  {
    name: 'a commit, after the name',
    client: 'the whole image, or cut off, by a reset; then the whole image',
    disk: 'committed',
    async run(scene) {
      const { upstream } = scene.world
      const server = await scene.world.start().ready()
      const reading = get(scene.url(server))
      await scene.see(() => scene.sizeOf('') === scene.size, 'the image has its name')
      await Promise.all([reading, scene.afterKill(server)])
      assert.equal(upstream.downloads(large).length, 1, 'a name is a commit: nothing is asked for again')
    },
  },
  {
    name: 'an eviction, to make room',
    client: 'cut off, by a reset; then the whole image',
    disk: 'committed but for what was evicted',
    async run(scene) {
      const { images, marks, start, disk } = scene.world
      const isMeant = (size: number) => size > 30_000 && size < 600_000
      const others = images.ids.filter((id) => isMeant(images.now(id)?.size ?? 0))
      const sum = [large, ...others].reduce((total, id) => total + (images.now(id)?.size ?? 0), 0)
      const server = await start(['--cache-limit=hard', `--image-cache-max-size=${sum - 500_000}`]).ready()
      await scene.fill(server, others)
      const cached = disk.committed().length
      scene.world.upstream.nextFile(large, slow)
      const reading = get(scene.url(server))
      await scene.see(() => disk.committed().length < cached, 'an image goes')
      // What goes next in this moment is no loss.
      for (const id of others) marks.stale.add(id)
      await Promise.all([cutOff(reading), scene.afterKill(server)])
    },
  },
  {
    name: 'a prune',
    client: 'cut off, by a reset; then the whole image',
    disk: 'committed but for what was pruned',
    async run(scene) {
      const { images, marks, start, disk } = scene.world
      const server = await start(['--image-cache-max-size=20000']).ready()
      await scene.fill(server, images.ids)
      const cached = disk.committed().length
      const pruning = operate(server, 'POST', '/v2/cache/prune')
      await scene.see(() => disk.committed().length < cached, 'an image goes')
      for (const id of images.ids) marks.stale.add(id)
      await Promise.all([pruning, scene.afterKill(server)])
    },
  },
  {
    name: 'a prefetch',
    client: 'the whole image',
    disk: 'queued still; left over, gone on with',
    async run(scene) {
      const { upstream, start, disk, images } = scene.world
      const server = await start().ready()
      upstream.nextFile(large, slow)
      for (const id of [large, ...images.ids.slice(0, 4)]) await operate(server, 'PUT', `/v2/queued_images/${id}`)
      const prefetching = operate(server, 'POST', '/api/v1/cache/prefetch')
      await scene.see(() => scene.sizeOf('incomplete') > 100_000, 'the large one grows')
      const queued = disk.names('queue')
      assert(queued.includes(large), 'what is not cached yet stays queued')
      const killed = server.kill()
      await Promise.all([prefetching, killed])
      assert(disk.names('queue').includes(large), 'after the kill too')
      const next = await start().ready()
      const done = await deadline(operate(next, 'POST', '/api/v1/cache/prefetch'), 'the queue is fetched', 20_000)
      assert(done.complete)
      await eventually(() => disk.names('queue').length === 0, 'nothing is queued any more')
      await scene.afterKill(next)
    },
  },
  {
    name: 'a prefetch that was begun at once',
    client: 'the whole image',
    disk: 'left over, gone on with by itself',
    async run(scene) {
      const { upstream, start } = scene.world
      const server = await start().ready()
      upstream.nextFile(large, slow)
      assert.equal((await operate(server, 'PUT', `/v2/cache/${large}`)).status, 202)
      await scene.see(() => scene.sizeOf('incomplete') > 100_000, 'it grows')
      await server.kill()
      const next = await start().ready()
      await scene.see(() => scene.sizeOf('') === scene.size, 'the next server goes on with it unasked')
      await scene.afterKill(next)
    },
  },
  {
    name: 'a deletion',
    client: '404',
    disk: 'nothing is given out any more',
    async run(scene) {
      const { upstream, start, images, marks } = scene.world
      const server = await start().ready()
      await scene.fill(server, [large])
      const reading = await open(scene.url(server))
      reading.pause()
      const deleting = operate(server, 'DELETE', `/v2/images/${large}`)
      await upstream.whenRequested(({ method }) => method === 'DELETE')
      marks.changed(large)
      await server.kill()
      reading.resume()
      await Promise.all([deleting, reading.rest])
      const next = await start().ready()
      if (images.now(large) === undefined) assert.equal((await get(scene.url(next))).status, 404)
      images.make(large)
      await scene.afterKill(next)
    },
  },
  {
    name: 'a fill, another server on the directory follows',
    client: 'cut off, by a reset, whose server is killed; the other one gets the whole image',
    disk: 'committed',
    async run(scene) {
      const { upstream, start } = scene.world
      const [first, second] = await Promise.all([start().ready(), start().ready()])
      upstream.nextFile(large, { stallAt: scene.size >> 1 })
      const leading = get(scene.url(first))
      await scene.see(() => scene.sizeOf('incomplete') > 50_000, 'the file grows')
      await Promise.all([cutOff(leading), followToTheEnd(scene, second, () => first.kill())])
      await scene.afterKill(second)
    },
  },
  {
    name: 'a fill, two workers, the one that fills is killed',
    client: 'the whole image, or cut off, by a reset',
    disk: 'committed',
    async run(scene, random) {
      const { upstream, start } = scene.world
      const server = await start(['--workers=2']).ready()
      upstream.nextFile(large, slow)
      const reading = [1, 2, 3, 4].map(() => get(scene.url(server)))
      await scene.see(() => scene.sizeOf('incomplete') > 100_000, 'the file grows')
      server.strike()
      process.kill(random.pick(server.workers()), 'SIGKILL')
      const got = await deadline(Promise.all(reading), 'all see an end', 20_000)
      const bytes = scene.world.images.now(large)?.bytes
      for (const { complete, body } of got) if (complete) assert(bytes?.equals(body) === true, 'complete is right')
      assert(
        got.some(({ complete }) => complete),
        'who is served by the other worker gets the whole image',
      )
      await scene.afterKill(server)
    },
  },
]

/** A client of this server that has some of the image when something happens to the other one. */
async function followToTheEnd(scene: Scene, server: Server, blow: () => Promise<void>): Promise<void> {
  const following = await open(scene.url(server))
  await eventually(() => following.received() > 20_000, 'the follower has some of it')
  await blow()
  const got = await deadline(following.rest, 'the follower sees an end', 20_000)
  assert(got.complete && scene.world.images.now(large)?.bytes?.equals(got.body) === true, 'the whole image')
}
