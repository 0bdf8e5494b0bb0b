import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drivers } from '../../support/proxy.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'
import { sample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { imagePhrase } from './got.ts'
import type { Outcome } from './outcomes.ts'
import { changed, head, type RightAnswer } from './right-answer.ts'
import { smallBytes, startScene } from './scene.ts'
import type { Declared, StoreImage } from './store-image.ts'

const stored: Outcome = { client: 'the whole image', disk: 'committed' }
const wrong: Outcome = { client: 'cut off', disk: 'set aside in invalid/' }
const nothing: Outcome = { client: 'cut off', disk: 'nothing' }
const left: Outcome = { client: 'cut off', disk: 'left over, gone on with' }

const sameSize = patternBytes(smallBytes.length, 7)

type Case = readonly [fault: string, declared: Declared, change: (image: StoreImage) => void, outcome: Outcome]

const cases: readonly Case[] = [
  ['a shorter image', 'all', (image) => replace(image, patternBytes(100_000, 7)), wrong],
  ['a longer image', 'all', (image) => replace(image, patternBytes(200_000, 7)), wrong],
  ['one that is shorter than what has come', 'all', (image) => replace(image, patternBytes(5_000, 7)), left],
  ['another image of the same size', 'all', (image) => replace(image, sameSize), wrong],
  ['another image of the same size, only MD5 declared', 'md5', (image) => replace(image, sameSize), wrong],
  ['another image of the same size, nothing declared', 'none', (image) => replace(image, sameSize), wrong],
  ['a longer image, nothing declared', 'none', (image) => replace(image, patternBytes(200_000, 7)), wrong],
  ['a later updated_at, nothing declared', 'none', (image) => replace(image, image.bytes), wrong],
  ['nothing, and nothing is declared', 'none', () => undefined, stored],
  ['a later updated_at, the same digest', 'all', (image) => replace(image, image.bytes), stored],
  ['deactivated', 'all', (image) => setStatus(image, 'deactivated'), left],
  ['deleted', 'all', (image) => setStatus(image, 'deleted'), left],
  ['deleted, nothing declared', 'none', (image) => setStatus(image, 'deleted'), nothing],
]

function replace(image: StoreImage, bytes: Buffer): void {
  image.bytes = bytes
  image.updatedAt = '2026-11-12T13:14:15Z'
}

function setStatus(image: StoreImage, status: string): void {
  image.status = status
}

const silent = (right: RightAnswer) => changed(right, { 'Content-MD5': null })

const step = 'a broken download goes on: the image is another one by now'

for (const driver of drivers) {
  for (const isSilent of [false, true]) {
    const suffix = isSilent ? ', no Content-MD5' : ''
    test(`${step}, ${driver}${suffix}`, { concurrency: 6 }, async (t) => {
      const scene = await startScene(t, driver)
      const meant = cases.filter(([, declared]) => !isSilent || declared !== 'none')
      const one = async ([fault, declared, change, outcome]: Case) => {
        const original = smallBytes
        const image = scene.image(original, declared)
        const strike = (kind: 'data' | 'rest', script: (right: RightAnswer) => readonly (string | Buffer)[]) =>
          scene.store.strike(image.id, { kind, script, times: 1 })
        strike('data', (right) => {
          change(image)
          return [head(isSilent ? silent(right) : right), right.body.subarray(0, 80_000), 'reset']
        })
        if (isSilent) strike('rest', (right) => [head(silent(right)), right.body])
        assert.equal(imagePhrase(await scene.download(image), original), outcome.client)
        setStatus(image, 'active')
        if (outcome === left && image.bytes !== original) {
          // What was left over is of the old image; it is worth nothing now.
          await scene.recovers(image, false)
        } else {
          await scene.becomes(image, outcome.disk)
          await scene.recovers(image, outcome === left)
        }
        saw({ area: 'upstream', fault: `${fault}${suffix}`, step, driver, ...outcome })
      }
      await Promise.all(sample(meant, 1).map((each) => t.test(each[0], () => one(each))))
    })
  }
}
