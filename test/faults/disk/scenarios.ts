import assert from 'node:assert/strict'
import { mkdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { type Got, type Opened, open } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import { rot } from '../../support/verifier.ts'
import { assertCutOff, assertRight } from './oracle.ts'
import { type DiskScene, imageBytes } from './scene.ts'
import type { Target } from './seam/plan.ts'

/** What the client may see of a fault, or of none; gives it in words. */
export type Judge = (scene: DiskScene, got: Got, target: Target | undefined) => string

const isKill = (target: Target | undefined): boolean => target?.fault.startsWith('kill') === true

/** Something that the cache does, each operation of which breaks once. */
export type Scenario = Readonly<{
  name: string
  flags?: readonly string[]
  /** Numbers of the images that it has to do with; the first alone unless given. */
  images?: readonly number[]
  /** What is there when the server starts. */
  prepare?(scene: DiskScene): Promise<void>
  /** What it has done when the disk breaks. */
  before?(scene: DiskScene): Promise<void>
  /** The disk breaks from the server's start on; otherwise from `act` on. */
  withStart?: true
  /** Until the server has ended; otherwise until `act` is over. */
  withEnd?: true
  /** Gives what the client got; undefined when there is none. */
  act(scene: DiskScene): Promise<Got | undefined>
  /** What a client who was there before got, when the server has ended. */
  after?(scene: DiskScene): Promise<Got | undefined>
  /** Unless given the client must get the whole image, or see that it is cut off when the process is killed. */
  judge?: Judge
  /** What is left may be another image, without facts: see assertHealthy. */
  mayBeWrong?: true
  /** Makes the store and the directory what they would be without the disk's fault, where that is not the same. */
  heal?(scene: DiskScene, got: Got | undefined): Promise<void>
}>

const size = imageBytes(1).length
/** Room for one image and a half. */
const tight = `--image-cache-max-size=${Math.floor(size * 1.5)}`

export const wholeOrCutOff: Judge = (_scene, got, target) => {
  const killed = isKill(target)
  if (!killed || got.complete) assertRight(got, imageBytes(1), 'with the fault')
  else assertCutOff(got, imageBytes(1))
  return killed ? 'the whole image, or visibly cut off' : 'the whole image'
}

/**
 * What lay there before is given out while it is looked at. When that cannot go on, nothing proves any more what the
 * client began with: it must not be completed.
 */
const wholeUnlessUnproven: Judge = (scene, got, target) => {
  const isOnData = /^(write|truncate|hash|read|datasync) incomplete\/<id>$/.test(target?.words ?? '')
  if (isKill(target) || !isOnData) return wholeOrCutOff(scene, got, target)
  if (got.complete) assertRight(got, imageBytes(1), 'with the fault')
  else assertCutOff(got, imageBytes(1))
  return 'the whole image; cut off when nothing can prove any more what it began with'
}

/** The management answers, whatever it says, unless its process is killed. */
const answered: Judge = (_scene, got, target) => {
  const killed = isKill(target)
  if (!killed) assert(got.complete && got.status >= 200, `${got.status}`)
  return killed ? 'an answer, or visibly cut off' : 'an answer'
}

/** Holds the download of the image when half of it has come; gives what its client gets in the end. */
async function halfArrived(scene: DiskScene): Promise<Opened> {
  const { upstream, server, id } = scene
  upstream.nextFile(id, { stallAt: size >> 1 })
  const opened = await deadline(open(`${server.url}/v2/images/${id}/file`), 'the headers')
  const written = () => stat(scene.path('incomplete', id)).then((stats) => stats.size === size >> 1)
  await eventually(written, 'half of it is in the file')
  return opened
}

/** What the client of a fill got that was stopped: no more than half of the image could have come. */
const stopped: Judge = (_scene, got) => {
  assertCutOff(got, imageBytes(1))
  return 'visibly cut off'
}

/** Files as Glance, or an earlier life of ours, left them long ago. */
async function leave(scene: DiskScene, files: Readonly<Record<string, Buffer | string>>): Promise<void> {
  for (const place of ['incomplete', 'invalid', 'queue', '.afterimage/fills']) {
    await mkdir(scene.path(place), { recursive: true, mode: 0o750 })
  }
  for (const [name, content] of Object.entries(files)) {
    await writeFile(scene.path(name), content)
    await utimes(scene.path(name), 1_700_000_000, 1_700_000_000)
  }
}

export const scenarios: readonly [Scenario, ...Scenario[]] = [
  { name: 'fill', act: (scene) => scene.download() },
  {
    name: 'hit',
    before: (scene) => scene.cache(scene.id),
    withEnd: true,
    act: (scene) => scene.download(),
  },
  {
    name: 'eviction',
    flags: ['--cache-limit=hard', tight],
    images: [1, 2],
    before: (scene) => scene.cache(scene.other),
    act: (scene) => scene.download(),
  },
  {
    name: 'prune',
    flags: [tight],
    images: [1, 2],
    before: (scene) => scene.cache(scene.id, scene.other),
    act: (scene) => scene.manage('POST', '/v2/cache/prune'),
    judge: answered,
  },
  {
    name: 'clean',
    flags: ['--image-cache-stall-time=60'],
    images: [1, 2],
    prepare: (scene) =>
      leave(scene, {
        [`invalid/${scene.id}`]: 'wrong',
        [`incomplete/${scene.other}`]: 'abandoned',
        [`.afterimage/fills/${scene.other}`]: 'no record',
        [`.afterimage/fills/${scene.id}.tmp`]: 'half a record',
        '.afterimage/via.tmp': 'half a name',
      }),
    act: (scene) => scene.manage('POST', '/v2/cache/clean'),
    judge: answered,
  },
  {
    name: 'take-over',
    prepare: (scene) => leave(scene, { [scene.id]: imageBytes(1) }),
    act: (scene) => scene.download(),
    judge: wholeUnlessUnproven,
  },
  {
    name: 'resume',
    async prepare(scene) {
      await scene.startWhole()
      const { rest } = await halfArrived(scene)
      assert.equal(await scene.server.close(), undefined)
      stopped(scene, await deadline(rest, 'the client is cut off'), undefined)
      assert.deepEqual(await scene.names('incomplete'), [scene.id])
    },
    act: (scene) => scene.download(),
    judge: wholeUnlessUnproven,
  },
  {
    name: 'stop in mid fill',
    async before(scene) {
      scene.waiting = (await halfArrived(scene)).rest
    },
    withEnd: true,
    act: async () => undefined,
    after: async (scene) => scene.waiting && deadline(scene.waiting, 'the client is cut off'),
    judge: stopped,
  },
  {
    name: 'wrong image',
    mayBeWrong: true,
    async before({ upstream, id }) {
      upstream.everyFile(id, { corruptAt: size - 1000 })
    },
    act: (scene) => scene.download(),
    judge(_scene, got) {
      // Without the cache the client gets what the store sends; nobody makes a whole image of it.
      const asSent = Buffer.from(imageBytes(1))
      asSent.writeUInt8(asSent.readUInt8(size - 1000) ^ 255, size - 1000)
      if (got.complete) assertRight(got, asSent, 'as the store sent it')
      else assertCutOff(got, asSent)
      return 'cut off, or what the store sends when the cache cannot look at it'
    },
    async heal({ upstream, id }) {
      upstream.everyFile(id, undefined)
    },
  },
  {
    name: 'damaged image found',
    mayBeWrong: true,
    async before(scene) {
      await scene.cache(scene.id)
      await rot(scene.path(scene.id))
    },
    act: (scene) => scene.manage('POST', `/api/v1/cache/images/${scene.id}/verify`),
    judge: answered,
    async heal(scene, got) {
      // Whoever got no answer asks again.
      if (got?.status === 200 && /damaged|repaired/.test(got.body.toString())) return
      await scene.startWhole()
      await scene.manage('POST', `/api/v1/cache/images/${scene.id}/verify`)
      await scene.server.close()
    },
  },
  {
    name: 'prefetch',
    async act(scene) {
      const got = await scene.manage('PUT', `/v2/cache/${scene.id}`)
      if (got.status === 202) await scene.server.saidAny('prefetch', 'fault worked around')
      return got
    },
    judge: answered,
  },
  {
    name: 'deletion',
    mayBeWrong: true,
    async before(scene) {
      await scene.cache(scene.id)
    },
    async act(scene) {
      const got = await scene.manage('DELETE', `/v2/images/${scene.id}`)
      if (got.complete) await scene.server.saidAny('evicted', 'fault worked around')
      return got
    },
    judge: answered,
    // The id comes back with another image: it is that one that everybody gets.
    async heal(scene) {
      scene.store(1, imageBytes(7))
    },
  },
  {
    name: 'start',
    images: [1, 2],
    async prepare(scene) {
      await scene.startWhole()
      await scene.cache(scene.id, scene.other)
      assert.equal(await scene.server.close(), undefined)
      await rm(scene.path(scene.other))
      await leave(scene, {
        [`queue/${scene.id}`]: '',
        [`.afterimage/fills/${scene.other}`]: 'no record',
        [`.afterimage/fills/${scene.id}.tmp`]: 'half a record',
      })
    },
    withStart: true,
    async act(scene) {
      await scene.server.disarm()
      return scene.download()
    },
  },
]
