import { randomUUID } from 'node:crypto'
import { commit } from '../../src/cache/commit.ts'
import type { Owned } from '../../src/cache/files.ts'
import { reconcile } from '../../src/cache/reconcile.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { openLog } from '../../src/events/log.ts'
import { type OpenedCache, openCache } from '../../src/open-cache.ts'
import { fillBytes, idOf, imageSize } from './scale-directory.ts'

/** Milliseconds of each time that it was done. */
export type CacheTimes = Readonly<{ open: number[]; evictOne: number[]; evictMany: number[]; commit: number[] }>

/** Images that `evictMany` makes room for in one go. */
export const manyImages = 100

/** How often each is done. The larger ones take so many images with them. */
const rounds = { open: 300, one: 50, many: 5 }

/**
 * What a request asks of the cache itself, in this process and without HTTP: on a full directory of `entries` images,
 * opened and reconciled as a server does it. The limit is what the directory holds, so every fill has to make room.
 */
export async function timeCache(dir: string, driver: string, entries: number): Promise<CacheTimes> {
  const loaded = loadConfig({
    argv: [
      `--image-cache-dir=${dir}`,
      `--image-cache-driver=${driver}`,
      `--image-cache-max-size=${entries * imageSize}`,
      '--cache-limit=hard',
      '--cache-min-free-space=0',
      // Nobody asks it for anything.
      '--origin-url=http://127.0.0.1:9',
    ],
    env: {},
    cwd: dir,
  })
  if (loaded.kind !== 'config') throw new Error(loaded.kind === 'error' ? loaded.message : loaded.text)
  await using opened = await openCache(loaded, openLog('warn'))
  await reconcile({ ...opened, space: opened.cache.space })

  const open = await repeated(rounds.open, (n) => openHit(opened, idOf((n * 7919) % entries)))
  const evictOne: number[] = []
  const committed: number[] = []
  for (let n = 0; n < rounds.one; n++) {
    const [owned, ms] = await timed(() => reserve(opened, imageSize))
    evictOne.push(ms)
    committed.push(await commitImage(opened, owned))
  }
  await expectCount(opened, entries)
  const evictMany: number[] = []
  for (let n = 1; n <= rounds.many; n++) {
    // Nothing is filled: what the rounds before have freed is still free.
    const [owned, ms] = await timed(() => reserve(opened, n * manyImages * imageSize))
    evictMany.push(ms)
    await opened.files.discard(owned)
    await owned.handle.close()
    await expectCount(opened, entries - n * manyImages)
  }
  return { open, evictOne, evictMany, commit: committed }
}

async function openHit({ cache }: OpenedCache, id: string): Promise<void> {
  const hit = await cache.open(id)
  if (hit === undefined) throw new Error(`${id} is not served from the cache`)
  hit.close()
}

async function reserve({ cache, files }: OpenedCache, size: number): Promise<Owned> {
  const id = randomUUID()
  const owned = await cache.space.reserve(id, size, 0, () => files.claim(id))
  if (owned === undefined) throw new Error(`incomplete/${id} belongs to another`)
  return owned
}

/** Writes the image that room was made for, and gives the milliseconds of its commit, with all its syncs. */
async function commitImage({ layout, files, driver }: OpenedCache, owned: Owned): Promise<number> {
  await owned.handle.write(fillBytes, 0, imageSize, 0)
  const declared = { md5: '0'.repeat(32), hashAlgo: 'sha512', hashValue: '0'.repeat(128) }
  const [isCommitted, ms] = await timed(() => commit({ layout, files, driver, owned, size: imageSize, declared }))
  await owned.handle.close()
  if (!isCommitted) throw new Error(`${owned.id} lost its place`)
  return ms
}

async function expectCount({ driver }: OpenedCache, expected: number): Promise<void> {
  const { count } = await driver.totals()
  if (count !== expected) throw new Error(`${count} images are cached, expected ${expected}`)
}

async function repeated(times: number, work: (n: number) => Promise<void>): Promise<number[]> {
  const all: number[] = []
  for (let n = 0; n < times; n++) all.push((await timed(() => work(n)))[1])
  return all
}

async function timed<T>(work: () => Promise<T>): Promise<[result: T, ms: number]> {
  const began = performance.now()
  const result = await work()
  return [result, performance.now() - began]
}
