import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Got, get } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import { type DriverName, type RunningProxy, startProxy } from '../../support/proxy.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'
import { type HostileStore, startStore } from './hostile-store.ts'
import type { StoreImage } from './store-image.ts'

/** The longest silence that is borne (ms); every wait is bounded by a small multiple of it. */
export const idleMs = 3000

/** Of every client; nobody but the store may see it. */
export const token = 'the-token-of-a-client'

/** Read by a parser, and no multiple of anything. */
export const smallBytes = patternBytes(150_001)

/** Read straight from its connection. */
export const largeBytes = patternBytes((4 << 20) + 12_345, 3)

/** A hostile store and the proxy in front of it. */
export class Scene {
  readonly store: HostileStore
  readonly proxy: RunningProxy
  readonly driver: DriverName
  #number = 0

  constructor(store: HostileStore, proxy: RunningProxy, driver: DriverName) {
    this.store = store
    this.proxy = proxy
    this.driver = driver
  }

  /** Another image, with no faults yet. */
  image(bytes: Buffer = smallBytes, ...more: [declared?: 'all' | 'md5' | 'none']): StoreImage {
    this.#number++
    return this.store.add(imageId(this.#number), bytes, ...more)
  }

  download(image: StoreImage, headers: Readonly<Record<string, string>> = {}): Promise<Got> {
    return deadline(
      get(this.proxy.image(image.id), { headers: { 'X-Auth-Token': token, ...headers } }),
      `a download of ${image.id} ends`,
      10 * idleMs,
    )
  }

  /** Where the image is; throws when what is there is wrong. */
  async disk(image: StoreImage): Promise<string> {
    const read = (...place: string[]) => readFile(join(this.proxy.dir, ...place, image.id)).catch(() => undefined)
    const committed = await read()
    if (committed !== undefined) {
      assert(committed.equals(image.bytes), 'what was committed is the image')
      return 'committed'
    }
    const left = await read('incomplete')
    if (left !== undefined) {
      assert(left.equals(image.bytes.subarray(0, left.length)), 'what is left over is a beginning of the image')
      return 'left over, gone on with'
    }
    return (await read('invalid')) === undefined ? 'nothing' : 'set aside in invalid/'
  }

  async becomes(image: StoreImage, disk: string): Promise<void> {
    let last = ''
    const look = async () => {
      last = await this.disk(image).catch((error: unknown) => String(error))
      return last === disk
    }
    await eventually(look, `on disk: ${disk}`).catch(() => assert.equal(last, disk, 'on disk'))
  }

  async cached(image: StoreImage): Promise<void> {
    const got = await this.download(image)
    assert(got.complete && got.body.equals(image.bytes), `to be cached: ${got.status}`)
    await this.becomes(image, 'committed')
  }

  /** Whether a prefetch has ended with the image in the cache; else it was given up. */
  async prefetched(image: StoreImage): Promise<boolean> {
    let isGivenUp = false
    const queued = async () => (await this.proxy.names('queue')).includes(image.id)
    const isCached = async () => (await this.disk(image).catch(() => '')) === 'committed' && !(await queued())
    const look = async () => {
      const note = await readFile(join(this.proxy.dir, '.afterimage/queue', image.id), 'utf8').catch(() => '{}')
      const known: { retryAt?: number; reason?: string } = JSON.parse(note)
      isGivenUp = known.reason !== undefined && known.retryAt === undefined
      return isGivenUp || isCached()
    }
    await eventually(look, `the prefetch of ${image.id} ends`, 20_000)
    return !isGivenUp
  }

  /** The store is well again: the next download is whole, what was left over is gone on with, and then it is a hit. */
  async recovers(image: StoreImage, isLeftOver: boolean): Promise<void> {
    this.store.heal(image.id)
    const before = this.store.of(image.id, 'data').length
    const next = await this.download(image)
    assert(next.status === 200 && next.complete && next.body.equals(image.bytes), `afterwards: ${next.status}`)
    if (isLeftOver)
      assert.equal(this.store.of(image.id, 'data').length, before, 'the rest was asked for, not all of it')
    await this.becomes(image, 'committed')
    const downloads = this.store.of(image.id, 'data', 'rest').length
    const hit = await this.download(image)
    assert(hit.status === 200 && hit.complete && hit.body.equals(image.bytes), `at last: ${hit.status}`)
    assert.equal(hit.headers['cache-status'], 'afterimage; hit')
    assert.equal(this.store.of(image.id, 'data', 'rest').length, downloads, 'a hit downloads nothing')
  }
}

export async function startScene(
  t: TestContext,
  driver: DriverName,
  flags: readonly string[] = [],
  url?: string,
): Promise<Scene> {
  const store = await startStore(t)
  const proxy = await startProxy(t, {
    upstream: url ?? store.url,
    driver,
    flags: [
      `--origin-idle-timeout=${idleMs / 1000}`,
      '--origin-connect-timeout=10',
      '--cache-max-fills=64',
      '--authorization-ttl=0',
      ...flags,
    ],
  })
  return new Scene(store, proxy, driver)
}
