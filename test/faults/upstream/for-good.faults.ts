import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drivers } from '../../support/proxy.ts'
import { isSample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { imagePhrase } from './got.ts'
import type { Script } from './hostile-store.ts'
import type { Outcome } from './outcomes.ts'
import { head, type Kind, type RightAnswer } from './right-answer.ts'
import { type Scene, startScene } from './scene.ts'
import type { StoreImage } from './store-image.ts'

type Strikes = Partial<Record<Kind, Script>>

const begins = (bytes: number) => (right: RightAnswer) => [head(right), right.body.subarray(0, bytes), 'reset'] as const

const wrongly: Script = (right) => {
  const body = Buffer.from(right.body)
  body[9] = (body[9] ?? 0) ^ 1
  return [head(right), body]
}

const half = begins(75_000)
const unavailable: Script = () => ['HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n']
const kept: Outcome = { client: 'cut off', disk: 'left over, gone on with' }

/** What the store does to every request, not to one. */
const cases: ReadonlyArray<readonly [fault: string, strikes: Strikes, outcome: Outcome]> = [
  [
    'every answer breaks after 15 000 bytes',
    { data: begins(15_000), rest: begins(15_000) },
    { client: 'the whole image', disk: 'committed' },
  ],
  ['every connection ends before an answer', { data: () => ['end'] }, { client: '502', disk: 'nothing' }],
  ['every connection is reset before an answer', { data: () => ['reset'] }, { client: '502', disk: 'nothing' }],
  ['no record', { record: () => ['reset'] }, { client: 'the whole image, passed on', disk: 'nothing' }],
  ['always a wrong bit', { data: wrongly, rest: wrongly }, { client: 'cut off', disk: 'set aside in invalid/' }],
  ['a break, and never any more after it', { data: half, rest: begins(0) }, kept],
  ['a break, and 503 for good', { data: half, rest: unavailable }, kept],
]

for (const driver of drivers) {
  test(`the store never gets well, ${driver}`, { concurrency: 8 }, async (t) => {
    const scene = await startScene(t, driver)
    const one = async ([fault, strikes, outcome]: (typeof cases)[number]) => {
      const image = scene.image()
      strikeAll(scene, image, strikes)
      assert.equal(imagePhrase(await scene.download(image), image.bytes), outcome.client)
      await scene.becomes(image, outcome.disk)
      await scene.recovers(image, outcome === kept)
      saw({ area: 'upstream', fault, step: 'first download', driver, ...outcome })
    }
    // Attempts to go on are given up after ten seconds.
    const meant = cases.filter(([, , outcome]) => !isSample || outcome !== kept)
    await Promise.all([
      ...meant.map((each) => t.test(each[0], () => one(each))),
      ...(isSample ? [] : [t.test('a wrong bit among what is left over', () => wrongLeftOver(scene))]),
    ])
  })
}

function strikeAll({ store }: Scene, image: StoreImage, strikes: Strikes): void {
  for (const kind of ['data', 'rest', 'record'] as const) {
    const script = strikes[kind]
    if (script !== undefined) store.strike(image.id, { kind, script, times: Number.POSITIVE_INFINITY })
  }
}

/** Nothing can tell before the end: the next download is found wrong, and the one after it is right. */
async function wrongLeftOver(scene: Scene): Promise<void> {
  const image = scene.image()
  const wrongHalf: Script = (right) => [...wrongly(right).slice(0, 1), flippedHalf(right), 'reset']
  strikeAll(scene, image, { data: wrongHalf, rest: () => ['HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n'] })
  const first = await scene.download(image)
  assert(!first.complete)
  scene.store.heal(image.id)
  const second = await scene.download(image)
  assert(!second.complete, 'what was left over is wrong: it is not completed')
  await scene.becomes(image, 'set aside in invalid/')
  await scene.recovers(image, false)
  const outcome = { client: 'cut off, and once more', disk: 'set aside in invalid/' }
  const fault = 'a wrong bit, then a break, and 403 for good'
  saw({ area: 'upstream', fault, step: 'first download', driver: scene.driver, ...outcome })
}

function flippedHalf({ body }: RightAnswer): Buffer {
  const bytes = Buffer.from(body.subarray(0, 75_000))
  bytes[9] = (bytes[9] ?? 0) ^ 1
  return bytes
}
