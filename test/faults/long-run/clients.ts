import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { type Got, get, open } from '../../support/client.ts'
import { deadline } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import type { ScriptedUpstream } from '../../support/scripted-upstream.ts'
import type { SeededRandom } from '../../support/seeded-random.ts'
import type { ChangingImages } from './images.ts'

export type Site = Readonly<{
  url: string
  upstream: ScriptedUpstream
  images: ChangingImages
  random: SeededRandom
  /** What the server logged of an image. */
  said(id: string): string
  /** Counts what was done, by its name. */
  done(what: string): void
}>

/** One of the things that clients and operators do, again and again; each looks at its own answers. */
export type Habit = Readonly<{ pauseMs: number; once(site: Site): Promise<void> }>

/** So seldom that two cores are not half busy with both servers: what is measured shall be the server's own. */
export const habits: readonly Habit[] = [
  { pauseMs: 120, once: wholeImage },
  { pauseMs: 120, once: wholeImage },
  { pauseMs: 150, once: aRange },
  { pauseMs: 700, once: leave },
  { pauseMs: 400, once: askForNothing },
  { pauseMs: 1500, once: readSlowly },
  { pauseMs: 3000, once: replaceOne },
  { pauseMs: 2500, once: manage },
]

const file = ({ url }: Site, id: string): string => `${url}/v2/images/${id}/file`

async function wholeImage(site: Site): Promise<void> {
  const { images, random } = site
  const id = random.pick(images.ids)
  // The store breaks off now and then, behind what ranges are asked of: the fill goes on, and its readers do not notice.
  // In order: a reset also takes with it what was sent before, and of a store that says nothing at all one is told.
  if (random.between(1, 20) === 1) site.upstream.nextFile(id, { endAt: random.between(63_000, 65_000) })
  const began = performance.now()
  const got = await deadline(get(file(site, id)), 'a whole image', 120_000)
  isRight(site, id, began, got, (bytes) => bytes)
  site.done('whole images')
}

async function aRange(site: Site): Promise<void> {
  const { images, random } = site
  const id = random.pick(images.ids)
  const start = random.between(0, 50_000)
  const end = start + random.between(0, 12_000)
  const began = performance.now()
  const got = await deadline(get(file(site, id), { headers: { Range: `bytes=${start}-${end}` } }), 'a range', 120_000)
  isRight(site, id, began, got, (bytes) => bytes.subarray(start, end + 1))
  site.done('ranges')
}

async function leave(site: Site): Promise<void> {
  const id = site.random.pick(site.images.ids)
  await deadline(get(file(site, id), { leaveAfter: site.random.between(1, 60_000) }), 'an aborted client', 120_000)
  site.done('aborted clients')
}

async function askForNothing(site: Site): Promise<void> {
  // Another id each time: none of them may be remembered.
  const id = imageId(site.random.between(1_000_000, 900_000_000))
  const { status } = await deadline(get(file(site, id)), 'an image that is not there', 120_000)
  assert.equal(status, 404)
  site.done('404s')
}

/** Takes a large one in a second or two, with pauses in which nothing is read. */
async function readSlowly(site: Site): Promise<void> {
  const { images, random } = site
  const id = random.pick(images.ids.slice(-4))
  const began = performance.now()
  const opened = await deadline(open(file(site, id)), 'a slow reader is answered', 120_000)
  for (let pause = 0; pause < 4; pause++) {
    opened.pause()
    await delay(300)
    opened.resume()
    await delay(20)
  }
  isRight(site, id, began, await deadline(opened.rest, 'a slow reader', 120_000), (bytes) => bytes)
  site.done('slow readers')
}

/** Deletes an image through the cache, and puts another one in its place. */
async function replaceOne(site: Site): Promise<void> {
  const { images, random, url } = site
  const id = random.pick(images.ids)
  images.gone(id)
  const { status } = await deadline(get(`${url}/v2/images/${id}`, { method: 'DELETE' }), 'a deletion', 120_000)
  assert(status === 204 || status === 404, `a deletion is answered ${status}`)
  images.replace(id)
  site.done('deletions')
}

async function manage(site: Site): Promise<void> {
  const { images, random, url } = site
  const id = random.pick(images.ids)
  const [method, path, ...wanted] = random.pick([
    ['POST', '/v2/cache/prune', 200],
    ['POST', '/v2/cache/clean', 200],
    ['PUT', `/v2/cache/${id}`, 202, 404],
    ['DELETE', `/v2/cache/${id}`, 204, 404],
    ['PUT', `/v2/queued_images/${id}`, 200, 404],
    ['GET', '/v2/cache', 200],
  ] as const)
  const { status } = await deadline(get(url + path, { method }), `${method} ${path}`, 120_000)
  assert(
    wanted.some((one) => one === status),
    `${method} ${path} is answered ${status}`,
  )
  site.done('prunes, cleanings, prefetches and removals')
}

/** Right is what the image was at some moment; who reads while it is deleted may also be cut off. */
function isRight(
  { images, said }: Site,
  id: string,
  began: number,
  { status, body, complete, broke = 'in order' }: Got,
  part: (bytes: Buffer) => Buffer,
): void {
  const versions = images.during(id, began)
  const isGone = versions.includes(undefined)
  if (isGone && (status === 404 || !complete)) return
  const isOne = versions.some((bytes) => bytes !== undefined && part(bytes).equals(body))
  if (complete && (status === 200 || status === 206) && isOne) return
  const what = `status ${status}, ${body.length} bytes, ${complete ? 'whole' : `cut off (${broke})`}, ${isOne ? 'right' : 'wrong'}`
  assert.fail(`${id}: ${what}\n${said(id)}`)
}
