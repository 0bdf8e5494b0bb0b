import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ImageEntry } from '../../drivers/driver.ts'
import { Pace } from '../../src/management/pace.ts'
import { type DueOptions, dueOf } from '../../src/management/scrub-order.ts'
import { imageId } from '../support/image-id.ts'

const file = { inode: 1, size: 1, modifiedAt: 0, md5: undefined, hashAlgo: undefined, hashValue: undefined }

const entry = (id: string, verifiedAt: number | undefined, accessedAt = 0): ImageEntry => ({
  id,
  size: 1,
  hits: 0,
  accessedAt,
  modifiedAt: 0,
  pinned: false,
  facts: verifiedAt === undefined ? undefined : { ...file, verifiedAt },
})

async function due(entries: ImageEntry[], options: Partial<DueOptions> = {}) {
  async function* listed() {
    yield* entries
  }
  const defaults = { now: 1000, intervalMs: 100, withUnproven: true, notBefore: () => 0, most: 10 }
  return dueOf(listed(), { ...defaults, ...options })
}

const [a, b, c, d] = [imageId(1), imageId(2), imageId(3), imageId(4)]

test('what was never proven comes first, the last used of it; then what was proven longest ago', async () => {
  const entries = [entry(a, 800), entry(b, undefined, 5), entry(c, 700), entry(d, undefined, 6)]
  assert.deepEqual((await due(entries)).ids, [d, b, c, a])
})

test('nothing is due before its interval has passed, and it is said when the next one is', async () => {
  assert.deepEqual(await due([entry(a, 901), entry(b, 950), entry(c, 900)]), { ids: [c], nextAt: 1001 })
  assert.deepEqual(await due([]), { ids: [], nextAt: Number.POSITIVE_INFINITY })
})

test('without an interval only what was never proven is due', async () => {
  const entries = [entry(a, 0), entry(b, undefined)]
  assert.deepEqual(await due(entries, { intervalMs: undefined }), { ids: [b], nextAt: Number.POSITIVE_INFINITY })
  assert.deepEqual((await due(entries, { withUnproven: false })).ids, [a])
})

test('what could not be settled waits for its time', async () => {
  const notBefore = (id: string) => (id === b ? 1500 : 0)
  assert.deepEqual(await due([entry(a, undefined), entry(b, undefined)], { notBefore }), { ids: [a], nextAt: 1500 })
})

test('what is no image is left alone', async () => {
  assert.deepEqual((await due([entry('glance.lock', undefined), entry(a, undefined)])).ids, [a])
})

test('of many the most urgent are given', async () => {
  const entries = Array.from({ length: 100 }, (_, n) => entry(imageId(n), (n * 37) % 100))
  const expected = entries.toSorted((x, y) => (x.facts?.verifiedAt ?? 0) - (y.facts?.verifiedAt ?? 0)).slice(0, 10)
  assert.deepEqual(
    (await due(entries)).ids,
    expected.map(({ id }) => id),
  )
})

test('a pace is kept over everything that is read', async () => {
  const pace = new Pace(1_000_000)
  const { signal } = new AbortController()
  assert.equal(pace.step, 250_000)
  const started = performance.now()
  for (let n = 0; n < 4; n++) await pace.take(100_000, signal)
  const ms = performance.now() - started
  assert(ms >= 299, `400 000 bytes, the first 100 000 at once, took ${ms} ms`)
})

test('waiting for a pace ends with its signal, and no bound means no waiting', async () => {
  const pace = new Pace(1)
  const abort = new AbortController()
  await pace.take(1_000_000, abort.signal)
  const waiting = pace.take(1, abort.signal)
  abort.abort()
  await waiting
  const free = new Pace(0)
  for (let n = 0; n < 1000; n++) await free.take(1e9, new AbortController().signal)
})
