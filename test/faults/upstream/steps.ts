import assert from 'node:assert/strict'
import { type Got, get } from '../../support/client.ts'
import { deadline } from '../../support/deadline.ts'
import type { Fault } from './answers/fault.ts'
import { imagePhrase, passedPhrase } from './got.ts'
import type { Script } from './hostile-store.ts'
import { anew, outcomeOf, type Step } from './outcomes.ts'
import { head, type Kind, type RightAnswer } from './right-answer.ts'
import { idleMs, largeBytes, type Scene, token } from './scene.ts'
import type { StoreImage } from './store-image.ts'

/** Does what a step is about while `fault` strikes once, and gives what the client got. */
export type Run = (scene: Scene, image: StoreImage, fault: Fault) => Promise<string>

const strike = (scene: Scene, image: StoreImage, kind: Kind, script: Script) =>
  scene.store.strike(image.id, { kind, script, times: 1 })

const download: (kind: Kind) => Run =
  (kind) =>
  async (scene, image, { script }) => {
    strike(scene, image, kind, script)
    return imagePhrase(await scene.download(image), image.bytes)
  }

/** The first connection has broken in the middle; what strikes is the answer to the request for the rest. */
const rest: Run = async (scene, image, fault) => {
  strike(scene, image, 'data', (right) => [head(right), right.body.subarray(0, right.body.length >> 1), 'reset'])
  return download('rest')(scene, image, fault)
}

const question: Run = async (scene, image, fault) => {
  await scene.cached(image)
  const phrase = await download('question')(scene, image, fault)
  const isEither = outcomeOf('question', fault) === anew
  return isEither && phrase.replace(', from the cache', '') === 'the whole image' ? anew.client : phrase
}

/** The answer to the first begins when the others have been asked for too. */
const crowd: Run = async (scene, image, { script, effect }) => {
  const { store } = scene
  store.strike(image.id, { kind: 'data', script, times: 1, after: store.whenAsked(image.id, 'question', 2) })
  const gots = await Promise.all([1, 2, 3].map(() => scene.download(image)))
  const phrases = gots.map((got) => imagePhrase(got, image.bytes).replace(', from the cache', ''))
  const others = phrases.filter((phrase) => phrase !== 'the whole image')
  if (others.length === 0) return 'the whole image'
  if (effect === 'false') {
    assert(
      others.every((phrase) => phrase === 'cut off'),
      String(phrases),
    )
    return 'cut off, or the whole image by another download'
  }
  return `one ${others.join(', ')}, two the whole image`
}

const part: Run = async (scene, image, { script }) => {
  const sent = recorder(script)
  strike(scene, image, 'part', sent.script)
  const got = await scene.download(image, { Range: 'bytes=1000-1999' })
  const range = `bytes 1000-1999/${image.bytes.length}`
  const body = image.bytes.subarray(1000, 2000)
  return passedPhrase(got, { status: 206, body, range, md5: image.md5, words: 'the range' }, sent.parts)
}

const other: Run = async (scene, image, { script }) => {
  const ask = (): Promise<Got> =>
    deadline(
      get(`${scene.proxy.url}/v2/images?marker=${image.id}`, { headers: { 'X-Auth-Token': token } }),
      'another API call ends',
      10 * idleMs,
    )
  const right = {
    status: 200,
    body: Buffer.from(JSON.stringify({ images: [image.record] })),
    words: 'the right answer',
  }
  const sent = recorder(script)
  strike(scene, image, 'other', sent.script)
  const phrase = passedPhrase(await ask(), right, sent.parts)
  const next = await ask()
  assert(next.status === 200 && next.body.equals(right.body), `the next call: ${next.status}`)
  return phrase
}

/** Keeps what a script sends, to be compared with what arrives. */
function recorder(script: Script) {
  const parts: ReturnType<Script>[number][] = []
  return {
    parts,
    script: (right: RightAnswer) => {
      const made = script(right)
      parts.push(...made)
      return made
    },
  }
}

const prefetch: Run = async (scene, image, { script }) => {
  strike(scene, image, 'data', script)
  const put = async () => {
    const url = `${scene.proxy.url}/v2/cache/${image.id}`
    assert.equal(
      (await deadline(get(url, { method: 'PUT', headers: { 'X-Auth-Token': token } }), 'PUT is answered')).status,
      202,
    )
  }
  await put()
  if (!(await scene.prefetched(image))) {
    await put()
    assert(await scene.prefetched(image), 'asked for once more, it is cached')
    return 'given up'
  }
  // When the wait for the store counts as a failed attempt depends on how busy the machine is.
  return 'cached, at once or by another attempt'
}

export const steps: Readonly<Record<Step, Readonly<{ run: Run; bytes?: Buffer }>>> = {
  first: { run: download('data') },
  large: { run: download('data'), bytes: largeBytes },
  crowd: { run: crowd },
  rest: { run: rest },
  record: { run: download('record') },
  question: { run: question },
  part: { run: part },
  prefetch: { run: prefetch },
  other: { run: other },
}
