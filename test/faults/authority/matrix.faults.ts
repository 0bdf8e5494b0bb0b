import './need-stack.ts'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { stack } from '../../real/stack.ts'
import { isSample, sample } from '../matrix/sample.ts'
import { figure, saw } from '../matrix/seen.ts'
import { type Callers, openCallers } from './callers.ts'
import { assertNotModified, assertSame, isGranted } from './compare.ts'
import { imageChangesAt } from './glance.ts'
import { assertNothingKept } from './kept.ts'
import { startPatientGlance } from './patient-glance.ts'
import { type Asked, askGlance, askServers, type Direct } from './questions.ts'
import { openScene, type Scene } from './scene.ts'
import { type Server, startServers } from './server.ts'
import { etagOf, imageSize, type Stage, stages } from './stages.ts'
import { type Glances, type ImageState, states } from './states.ts'

const running = new AsyncDisposableStack()
let callers: Callers
let asking: readonly Server[]
let remembering: readonly Server[]
let glanceUrl: string
let glances: Glances
before(async () => {
  callers = running.use(await openCallers())
  glanceUrl = running.use(await startPatientGlance()).url
  glances = { glance: imageChangesAt(stack.glanceUrl), patient: imageChangesAt(glanceUrl) }
  asking = await startServers(running, { glanceUrl, ttl: 0 })
  remembering = await startServers(running, { glanceUrl, ttl: 3600 })
})
after(() => running.disposeAsync())

let answers = 0
for (const state of sample(states, 2)) {
  test(state.name, async (t) => {
    await using scenes = new AsyncDisposableStack()
    const [bytes, other] = [randomBytes(imageSize), randomBytes(imageSize)]
    const opened: Scene[] = []
    // All of them first: what happens to the images then happens to all.
    for (const stages of stagesOf(state)) {
      const servers = stages[0].cache === 'remembered' ? remembering : asking
      opened.push(scenes.use(await openScene(stages, state, bytes, callers, servers, glances)))
    }
    const ids = opened.map(({ id }) => id)
    await state.change?.(callers, { ids, other }, glances)
    const [first] = opened
    assert(first)
    const direct = await askGlance(glanceUrl, first, callers, state.callers, ['whole', 'range', 'HEAD'])
    for (const scene of opened) {
      // Whose yes is remembered is shown elsewhere.
      const names = state.callers.filter((name) => scene.cache !== 'remembered' || name !== 'owner')
      const asked = await askServers(scene, callers, names, direct)
      const disk = await diskOf(scene, other, state)
      for (const one of asked) {
        await t.test(`${one.caller}: ${one.stage.name}`, () => check(one, scene, first.id, direct, state, disk))
      }
    }
  })
}

test('no secret is left anywhere', () => assertNothingKept([...asking, ...remembering], callers.tokens.admin))

after(() => {
  if (!isSample) figure({ area: 'authority', name: 'answers compared with Glance’s own', value: `${answers}` })
})

/** One image for each state of the cache; one for each question where the first answer changes what is cached. */
function stagesOf({ isEmpty, isAnother }: ImageState): (readonly [Stage, ...Stage[]])[] {
  const able = stages.filter(({ cache }) => isEmpty !== true || cache === 'nothing')
  const groups = Map.groupBy(able, ({ cache, name }) => (isAnother && cache === 'committed' ? name : cache))
  return [...groups.values()].flatMap(([first, ...rest]) => (first === undefined ? [] : [[first, ...rest] as const]))
}

function check(
  { caller, stage, through, whileHeld }: Asked,
  { id, bytes, servers, cache }: Scene,
  askedOf: string,
  direct: Direct,
  { name, readers }: ImageState,
  disk: string,
): void {
  const said = { got: direct(caller, stage.asks), id: askedOf, url: glanceUrl }
  const granted = isGranted(said.got)
  if (stage.asks !== 'HEAD') {
    assert.equal(
      granted,
      readers.includes(caller),
      `Glance says ${said.got.status}: the scene is not what it should be`,
    )
  }
  assert.equal(whileHeld, !granted && (cache === 'arriving' || cache === 'prefetching'))
  servers.forEach(({ driver, url }, at) => {
    const got = through[at]
    assert(got)
    const isSame = stage.asks === 'if-none-match' && granted && bytes.equals(said.got.body)
    if (isSame) assertNotModified({ got, id, url }, said, etagOf(bytes))
    else assertSame({ got, id, url }, said)
    const gets = granted
      ? isSame
        ? '304'
        : wordsFor(got.status, bytes.equals(said.got.body))
      : `Glance’s ${got.status}`
    saw({ area: 'authority', fault: `${name}; ${caller}`, step: stage.name, driver, client: gets, disk })
    answers++
  })
}

function wordsFor(status: number, isCached: boolean): string {
  if (status === 206) return 'the range'
  return isCached ? 'the whole image' : 'the image that has the id now'
}

/** What is left in the cache, the same with each driver. */
async function diskOf({ bytes, onDisk }: Scene, other: Buffer, { readers }: ImageState): Promise<string> {
  const [first, ...others] = await onDisk()
  // Not by deepEqual: the difference of two images, written out, takes all the memory that there is.
  for (const found of others)
    assert(first === undefined ? found === undefined : found?.equals(first), 'the same with each driver')
  if (first === undefined) return 'nothing'
  if (first.equals(other)) return 'the image that has the id now'
  assert(first.equals(bytes), 'the image that was cached')
  return readers.length === 0 ? 'committed, given to nobody' : 'committed'
}
