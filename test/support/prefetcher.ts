import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { loadConfig } from '../../src/config/load-config.ts'
import { openLog } from '../../src/events/log.ts'
import type { PrefetchEvent, PrefetchSummary } from '../../src/management/prefetch-events.ts'
import { Prefetcher, type PrefetcherOptions } from '../../src/management/prefetcher.ts'
import { openCache } from '../../src/open-cache.ts'
import type { Caller } from '../../src/origin/origin.ts'
import { cleanup } from './cleanup.ts'
import { deadline, eventually } from './deadline.ts'
import type { DriverName } from './proxy.ts'
import { type ScriptedUpstream, startUpstream } from './scripted-upstream.ts'
import { tempDir } from './temp-dir.ts'

export type SceneOptions = Readonly<{
  driver: DriverName
  upstream?: ScriptedUpstream
  dir?: string
  flags?: readonly string[]
  own?: Caller
}> &
  Partial<Pick<PrefetcherOptions, 'concurrency' | 'pausesMs'>>

/** A cache on real files in front of a scripted upstream, and its prefetcher; both end with the test. */
export async function openPrefetcher(t: TestContext, options: SceneOptions) {
  const upstream = options.upstream ?? (await startUpstream(t))
  const dir = options.dir ?? (await tempDir(t))
  const argv = [
    `--image-cache-dir=${dir}`,
    `--image-cache-driver=${options.driver}`,
    '--cache-min-free-space=0',
    `--origin-url=${upstream.url}`,
    ...(options.flags ?? []),
  ]
  const loaded = loadConfig({ argv, env: {}, cwd: dir })
  assert(loaded.kind === 'config', loaded.kind === 'error' ? loaded.message : 'no configuration')
  const opened = await openCache(loaded, openLog(process.env.TEST_LOG ?? 'silent'))
  const { cache, queue, events, metrics } = opened
  const prefetcher = new Prefetcher({
    queue,
    cache,
    events,
    ownCaller: async () => options.own,
    concurrency: options.concurrency ?? 4,
    pausesMs: options.pausesMs ?? [20, 60],
  })
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= prefetcher[Symbol.asyncDispose]().then(() => opened[Symbol.asyncDispose]())
    return deadline(closing, 'the cache closes')
  }
  cleanup(t, close)
  const names = async (place: string) =>
    (await readdir(join(dir, place))).filter((name) => /^[0-9a-f-]{36}$/.test(name))
  return {
    upstream,
    dir,
    cache,
    queue,
    prefetcher,
    names,
    close,
    metric: async (line: string) =>
      Number(
        (await metrics.render())
          .split('\n')
          .find((found) => found.startsWith(`${line} `))
          ?.split(' ')[1] ?? 0,
      ),
    /** Until it is proven, in its place, and out of the queue. */
    cached: (id: string) =>
      eventually(
        async () => (await names('.')).includes(id) && !(await names('queue')).includes(id),
        `image ${id} is cached`,
      ),
    /** Until some of it has arrived here. */
    underWay: (id: string) => eventually(() => (cache.arriving(id)?.received ?? 0) > 0, `image ${id} is under way`),
    run: () => deadline(all(prefetcher.runQueued()), 'the run ends'),
  }
}

/** Everything that a run tells. */
export async function all(
  run: AsyncIterable<PrefetchEvent | PrefetchSummary>,
): Promise<{ events: PrefetchEvent[]; summary: PrefetchSummary | undefined }> {
  const events: PrefetchEvent[] = []
  let summary: PrefetchSummary | undefined
  for await (const event of run) {
    if ('done' in event) summary = event
    else events.push(event)
  }
  return { events, summary }
}
