import assert from 'node:assert/strict'
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ImageEntry } from '../../drivers/driver.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { openLog } from '../../src/events/log.ts'
import { Pace } from '../../src/management/pace.ts'
import { Verifier } from '../../src/management/verify.ts'
import { openCache } from '../../src/open-cache.ts'
import type { Caller } from '../../src/origin/origin.ts'
import { cleanup } from './cleanup.ts'
import { deadline } from './deadline.ts'
import type { DriverName } from './proxy.ts'
import { type ScriptedUpstream, startUpstream } from './scripted-upstream.ts'
import { tempDir } from './temp-dir.ts'
import { nobody } from './upstream-glance.ts'

export type VerifierScene = Awaited<ReturnType<typeof openVerifier>>

/** A cache on real files in front of a scripted upstream, and what verifies its images; both end with the test. */
export async function openVerifier(
  t: TestContext,
  driverName: DriverName,
  options: Readonly<{ upstream?: ScriptedUpstream; dir?: string }> = {},
) {
  const upstream = options.upstream ?? (await startUpstream(t))
  const dir = options.dir ?? (await tempDir(t))
  const argv = [
    `--image-cache-dir=${dir}`,
    `--image-cache-driver=${driverName}`,
    '--cache-min-free-space=0',
    `--origin-url=${upstream.url}`,
  ]
  const loaded = loadConfig({ argv, env: {}, cwd: dir })
  assert(loaded.kind === 'config', loaded.kind === 'error' ? loaded.message : 'no configuration')
  const opened = await openCache(loaded, openLog(process.env.TEST_LOG ?? 'silent'))
  const { cache, driver, queue, metrics } = opened
  /** What the cache has of its own; a test may take it away. */
  const own: { caller: Caller | undefined } = { caller: nobody }
  const verifier = new Verifier({
    ...opened,
    ownCaller: async () => own.caller,
    requeue: (id) => queue.add(id),
  })
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= verifier[Symbol.asyncDispose]().then(() => opened[Symbol.asyncDispose]())
    return deadline(closing, 'the cache closes')
  }
  cleanup(t, close)
  const path = (id: string) => join(dir, id)
  return {
    ...opened,
    dir,
    own,
    path,
    upstream,
    verifier,
    close,
    verify: (id: string) => deadline(verifier.verify(id), `image ${id} is verified`),
    /** As the scrubber does, so slowly that it does not end by itself. */
    verifySlowly: (id: string) =>
      verifier.scrub(id, { pace: slow(), isMissed: () => false, signal: new AbortController().signal }),
    /** Has the upstream's image cached, in use for a while. */
    async cached(id: string): Promise<ImageEntry> {
      const fetched = await deadline(cache.fetch(id, nobody), `image ${id} is cached`)
      assert.equal(fetched.kind, 'committed')
      await driver.touch(id, Date.now())
      await driver.touch(id, Date.now())
      const entry = await driver.get(id)
      assert(entry?.facts !== undefined)
      return entry
    },
    bytesOf: (place: string, id: string) => readFile(join(dir, place, id)),
    names: async (place: string) =>
      (await readdir(join(dir, place))).filter((name) => /^[0-9a-f-]{36}$/.test(name)).sort(),
    metric: async (line: string) => {
      const lines = (await metrics.render()).split('\n')
      return Number(lines.find((found) => found.startsWith(`${line} `))?.split(' ')[1] ?? 0)
    },
  }
}

/** The first step is free, the next one is never due. */
function slow(): Pace {
  const pace = new Pace(1)
  void pace.take(1 << 20, new AbortController().signal)
  return pace
}

/** Other bytes in the same file, of the same length and times: what a disk does to it. */
export async function rot(path: string): Promise<Buffer> {
  const { atime, mtime } = await stat(path)
  const bytes = await readFile(path)
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1)
  await writeFile(path, bytes)
  await utimes(path, atime, mtime)
  return bytes
}
