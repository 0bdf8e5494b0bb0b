import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { cleanup } from '../../support/cleanup.ts'
import { get } from '../../support/client.ts'
import { deadline } from '../../support/deadline.ts'
import { drivers } from '../../support/proxy.ts'
import { saw } from '../matrix/seen.ts'
import { imagePhrase } from './got.ts'
import { type Step, stepNames } from './outcomes.ts'
import { head } from './right-answer.ts'
import { type Scene, startScene } from './scene.ts'

/** What each kind of request gets when nothing answers: an error, and nothing of it on disk. */
async function nobodyAnswers(scene: Scene, fault: string): Promise<void> {
  const image = scene.image()
  const asked = {
    first: () => scene.download(image),
    part: () => scene.download(image, { Range: 'bytes=1000-1999' }),
    other: () => get(`${scene.proxy.url}/v2/images`),
    prefetch: () => get(`${scene.proxy.url}/v2/cache/${image.id}`, { method: 'PUT' }),
  } satisfies Partial<Record<Step, unknown>>
  for (const step of ['first', 'part', 'other', 'prefetch'] as const) {
    const got = await deadline(asked[step](), `${step} is answered`, 20_000)
    assert(got.complete)
    assert.equal(got.status, 502, step)
    assert.equal(await scene.disk(image), 'nothing')
    assert.deepEqual(await scene.proxy.names('queue'), [])
    saw({ area: 'upstream', fault, step: stepNames[step], driver: 'any', client: '502', disk: 'nothing' })
  }
}

test('a store whose name nobody knows', async (t) => {
  await nobodyAnswers(await startScene(t, 'sqlite', [], 'http://glance.invalid:9292'), 'its name is not known')
})

test('a store that does not speak TLS where TLS is wanted', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanup(t, () => server.close())
  const address = server.address()
  assert(address !== null && typeof address === 'object')
  const url = `https://127.0.0.1:${address.port}`
  await nobodyAnswers(await startScene(t, 'sqlite', [], url), 'no TLS where TLS is wanted')
})

for (const driver of drivers) {
  test(`a store that refuses connections, ${driver}`, async (t) => {
    const scene = await startScene(t, driver)
    const { store } = scene
    const committed = scene.image()
    await scene.cached(committed)
    await store.hide()
    await nobodyAnswers(scene, 'connection refused')
    const got = await scene.download(committed)
    assert.equal(got.status, 502)
    assert.equal(await scene.disk(committed), 'committed')
    const step = stepNames.question
    saw({ area: 'upstream', fault: 'connection refused', step, driver, client: '502', disk: 'committed' })
    await store.listen()
    await scene.recovers(committed, false)
    await scene.recovers(scene.image(), false)
  })

  test(`a store that goes in the middle and comes back, ${driver}`, async (t) => {
    const scene = await startScene(t, driver)
    const { store } = scene
    const image = scene.image()
    const gone = Promise.withResolvers<void>()
    const script = (right: Parameters<typeof head>[0]) => {
      // The first attempts to go on are refused.
      const hide = () => void store.hide().then(() => setTimeout(() => void store.listen().then(gone.resolve), 250))
      setTimeout(hide, 30)
      return [head(right), right.body.subarray(0, 90_000), 'stall'] as const
    }
    store.strike(image.id, { kind: 'data', script, times: 1 })
    const got = await scene.download(image)
    assert.equal(imagePhrase(got, image.bytes), 'the whole image')
    await gone.promise
    await scene.becomes(image, 'committed')
    await scene.recovers(image, false)
    const fault = 'gone in the middle, back after a moment'
    saw({ area: 'upstream', fault, step: stepNames.first, driver, client: 'the whole image', disk: 'committed' })
  })
}
