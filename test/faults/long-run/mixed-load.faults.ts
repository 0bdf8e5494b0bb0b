import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { deadline, eventually } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import { type DriverName, drivers } from '../../support/proxy.ts'
import { startUpstream } from '../../support/scripted-upstream.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { isSample, seed, sized } from '../matrix/sample.ts'
import { figure, saw } from '../matrix/seen.ts'
import { habits, type Site } from './clients.ts'
import { ends, median, slope } from './flat.ts'
import { ChangingImages } from './images.ts'
import { type Reading, startWatched } from './watched-server.ts'

const seconds = sized(1800, 60)
/** In the first fifth the pages of code, the compiled functions and the buffers come that are kept for good. */
const warmUp = seconds / 5
const everyMs = sized(5000, 1000)

/**
 * A leak of 1 KiB with each request is 1 MiB in a minute at some 18 requests a second. Half of that is told from the
 * noise of the collector (some MiB up and down) in twenty-four minutes; in one minute of a sample only a leak of tens of
 * KiB is, or of buffers and readers.
 */
const mostSlope = sized(0.5, 30)
/** The buffers of a fill are up to 16 MiB, and it depends on the moment how many of them were in use. */
const mostGrowth = 32
/** Connections come and go: one for each request and each question to the store. */
const mostDescriptors = 60
/** Threads are begun when they are first needed; there are no more kinds of work than in the warm-up. */
const mostThreads = 2
/**
 * Turns of the event loop that a busy machine delays say nothing about us: growth does. Twice the delay is within what
 * neighbours on the same cores do; what grows with time or with the number of requests is more than that in the end.
 */
const mostDelay = (before: number): number => 2 * before + 20

/** Small ones are many, as requests for them are; large ones take several buffers. 61 MB together. */
const sizes = new Map<string, number>([
  ...Array.from({ length: 24 }, (_, index) => [imageId(100 + index), 65_536 + index * 1000] as const),
  ...Array.from({ length: 8 }, (_, index) => [imageId(200 + index), 1_500_000 + index * 100_000] as const),
  ...Array.from({ length: 4 }, (_, index) => [imageId(300 + index), 11_000_000 + index] as const),
])

test('mixed load', { concurrency: 2, timeout: (seconds + 600) * 1000 }, async (t) => {
  // Both at once: they share nothing but the machine, and half an hour is enough.
  await Promise.all(
    drivers.map((driver) => t.test(driver, { timeout: (seconds + 500) * 1000 }, (t) => underLoad(t, driver))),
  )
})

async function underLoad(t: Parameters<typeof startWatched>[0], driver: DriverName): Promise<void> {
  const upstream = await startUpstream(t)
  const images = new ChangingImages(upstream, sizes)
  const server = await startWatched(t, driver, upstream.url)
  const [idle, before] = [await server.read(0), await server.held()]
  const counts = new Map<string, number>()
  const done = (what: string) => void counts.set(what, (counts.get(what) ?? 0) + 1)
  const began = performance.now()
  const at = () => (performance.now() - began) / 1000
  const ending = new AbortController()
  const readings: Reading[] = []

  const working = habits.map(async ({ pauseMs, once }, index) => {
    const random = seededRandom(seed * 1009 + index + 1)
    const site: Site = { url: server.url, upstream, images, done, random, said: server.said }
    while (!ending.signal.aborted) {
      await once(site)
      await delay(pauseMs, undefined, { signal: ending.signal }).catch(() => {}) // the end of the load
    }
  })
  const watching = async () => {
    while (at() < seconds) {
      await delay(everyMs)
      // The store remembers what it was asked; in half an hour that is much.
      upstream.requests.length = 0
      const reading = await server.read(at())
      if (reading.at > warmUp) readings.push(reading)
    }
  }
  try {
    await Promise.race([Promise.all(working), watching()])
  } finally {
    ending.abort()
  }
  await deadline(Promise.all(working), 'the clients end', 180_000)
  judge(driver, readings)
  await eventually(async () => (await server.leftOver()).length === 0, 'no file is left over', 90_000)
  saw({ ...row(driver), step: 'files of fills, records, drafts', disk: 'nothing' })
  // Those to the store are kept for some seconds. (Threads that were needed since have descriptors of their own.)
  const settled = async () => {
    const { files, sockets } = await server.held()
    return files.length === 0 && sockets <= before.sockets + 2
  }
  await eventually(settled, 'files of images and connections are closed', 120_000)
  saw({ ...row(driver), step: 'open descriptors after it' })
  await server.end()
  saw({ ...row(driver), step: 'answers' })
  if (!isSample) tell(driver, readings, counts, idle)
}

const row = (driver: DriverName) =>
  ({
    area: 'long-run',
    fault: 'mixed load',
    driver,
    client: 'what the store had at some moment of the request',
    disk: 'committed',
  }) as const

function judge(driver: DriverName, readings: readonly Reading[]): void {
  const [first, last] = ends(readings, 1 / 3)
  const middle = (some: readonly Reading[], value: (reading: Reading) => number) => median(some.map(value))
  const memory = ({ memory }: Reading) => memory
  const growth = slope(readings, memory)
  assert(growth <= mostSlope, `memory grows by ${growth.toFixed(2)} MiB a minute:\n${course(readings)}`)
  const more = middle(last, memory) - middle(first, memory)
  assert(more <= mostGrowth, `memory has grown by ${more.toFixed(1)} MiB:\n${course(readings)}`)
  saw({ ...row(driver), step: 'resident memory' })

  const descriptors = ({ descriptors }: Reading) => descriptors
  const most = Math.max(...readings.map(descriptors))
  const usual = middle(first, descriptors)
  assert(most <= usual + mostDescriptors, `${most} descriptors are open, ${usual} were in the beginning`)
  assert(middle(last, descriptors) <= usual + mostDescriptors / 4, 'descriptors do not become more and more')
  saw({ ...row(driver), step: 'open descriptors' })

  const threads = Math.max(...last.map(({ threads }) => threads))
  assert(threads <= Math.max(...first.map(({ threads }) => threads)) + mostThreads, `${threads} threads`)
  saw({ ...row(driver), step: 'threads' })

  const [before, after] = [first, last].map((some) => middle(some, ({ delay }) => delay)) as [number, number]
  assert(after <= mostDelay(before), `the event loop is delayed by ${after.toFixed(1)} ms, ${before.toFixed(1)} before`)
  saw({ ...row(driver), step: 'delay of the event loop' })
}

/** Memory over time, in a dozen lines: resident, and of it the heap. */
function course(readings: readonly Reading[]): string {
  const step = Math.max(1, Math.floor(readings.length / 12))
  const parts = readings.flatMap((_, at) => (at % step === 0 ? [readings.slice(at, at + step)] : []))
  const line = (part: readonly Reading[]) => {
    const [at, memory, heap] = (['at', 'memory', 'heap'] as const).map((key) => median(part.map((one) => one[key])))
    return `${at?.toFixed(0)} s: ${memory?.toFixed(1)} MiB, heap ${heap?.toFixed(1)}`
  }
  return parts.map(line).join('\n')
}

function tell(driver: DriverName, readings: readonly Reading[], counts: ReadonlyMap<string, number>, idle: Reading) {
  const [first, last] = ends(readings, 1 / 6)
  const tell = (name: string, value: string) => figure({ area: 'long-run', name: `${name}, ${driver}`, value })
  const middle = (some: readonly Reading[], key: keyof Reading) => median(some.map((reading) => reading[key]))
  const fromTo = (key: keyof Reading, digits: number) =>
    `${middle(first, key).toFixed(digits)}, ${middle(last, key).toFixed(digits)}`
  const growth = slope(readings, ({ memory }) => memory).toFixed(2)
  tell('duration', `${seconds} s, seed ${seed}`)
  tell('requests', [...counts].map(([what, count]) => `${count} ${what}`).join(', '))
  tell(
    'resident memory, MiB: before, after the warm-up, at the end',
    `${idle.memory.toFixed(0)}, ${fromTo('memory', 0)}`,
  )
  tell('heap, MiB: after the warm-up, at the end', fromTo('heap', 1))
  tell('slope of resident memory', `${growth} MiB a minute`)
  tell('open descriptors: before, after the warm-up, at the end', `${idle.descriptors}, ${fromTo('descriptors', 0)}`)
  tell('threads: after the warm-up, at the end', fromTo('threads', 0))
  tell('99th percentile of the event loop’s delay, ms: after the warm-up, at the end', fromTo('delay', 1))
}
