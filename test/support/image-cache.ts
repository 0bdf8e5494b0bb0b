import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type CacheOptions, ImageCache } from '../../src/cache/cache.ts'
import type { Fill } from '../../src/cache/fill.ts'
import { openLayout } from '../../src/cache/layout.ts'
import { cleanup } from './cleanup.ts'
import { deadline } from './deadline.ts'
import { openMemoryDriver } from './memory-driver.ts'
import { recordEvents } from './record-events.ts'
import { tempDir } from './temp-dir.ts'
import { nobody, scripted } from './upstream-glance.ts'

/** The cache alone, without HTTP before it, in front of a scripted upstream; it ends with the test. */
export async function openImageCache(t: TestContext, options: Partial<CacheOptions> = {}) {
  const { up, glance } = await scripted(t)
  const layout = await openLayout(await tempDir(t))
  const driver = await openMemoryDriver()
  const events = recordEvents()
  const cache = new ImageCache({
    layout,
    driver,
    origin: glance,
    events,
    limit: 'soft',
    maxSize: 0,
    minFreeSpace: 0,
    holdBack: true,
    maxFills: 4,
    followIdleMs: 5000,
    ownCaller: async () => undefined,
    ...options,
  })
  cleanup(t, () => cache[Symbol.asyncDispose]())
  return { up, layout, driver, events, cache }
}

/** Begins the fill of an image that is not there yet. */
export async function beginFill(cache: ImageCache, id: string): Promise<Fill> {
  const turn = cache.enter(id, nobody)
  assert(turn.role === 'first')
  const led = await deadline(turn.led, 'the upstream answers')
  assert(led.kind === 'following' && led.fill !== undefined, led.kind)
  return led.fill
}
