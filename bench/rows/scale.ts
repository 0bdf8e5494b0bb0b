import { join } from 'node:path'
import { measureUsage } from '../measure.ts'
import { timeCache } from '../micro/scale-cache.ts'
import { fillDirectory, imageSize } from '../micro/scale-directory.ts'
import { nodeFlags } from '../node-flags.ts'
import { freePort } from '../ports.ts'
import { startServer } from '../server-process.ts'
import type { Site } from '../site.ts'
import { spreadOf } from '../spread.ts'
import { type Column, type Contestant, columns, type Figures, type Row } from './row.ts'

const checkout = join(import.meta.dirname, '../..')

export const scale = {
  start: { key: 'startSeconds', label: 'start, s', digits: 2, isLessBetter: true },
  listed: { key: 'entriesPerSecond', label: 'entries listed/s', digits: 0 },
  evict: { key: 'evictMs', label: 'one eviction, ms', digits: 2 },
} satisfies Record<string, Column>

const contestant = (name: string, driver: 'sqlite' | 'xattr'): Contestant => ({
  name,
  async prepare(site) {
    const entries = site.quick ? 2000 : 100_000
    const dir = join(site.dir, `scale-${driver}`)
    // Evictions are timed first, in a full directory; the ones in one go among them leave it with 500 images fewer.
    await fillDirectory(dir, driver, entries + 500)
    const { evictOne } = await timeCache(dir, driver, entries + 500)
    const evictMs = spreadOf(evictOne).median
    return async () => ({ ...(await startAndList(site, dir, driver, entries)), evictMs })
  },
})

export const scaleOf = {
  sqlite: contestant('Afterimage', 'sqlite'),
  xattr: contestant('Afterimage, xattr driver', 'xattr'),
}

/** What a cache of many images costs. `npm run bench:scale` has more of it, and other sizes. */
export const scaleRow: Row = {
  name: 'scale',
  title: '100 000 cached images',
  columns: [scale.start, scale.listed, scale.evict, columns.peakRss],
  contestants: [scaleOf.sqlite, scaleOf.xattr],
}

async function startAndList({ drain }: Site, dir: string, driver: string, entries: number): Promise<Figures> {
  const port = await freePort()
  const began = performance.now()
  const server = await startServer({
    name: 'Afterimage',
    program: process.execPath,
    args: [
      ...nodeFlags,
      'dist/src/api.js',
      `--image-cache-dir=${dir}`,
      `--image-cache-driver=${driver}`,
      `--image-cache-max-size=${entries * imageSize * 2}`,
      // Nobody asks it for anything.
      '--origin-url=http://127.0.0.1:9',
      `--bind-port=${port}`,
      '--management-bind-port=0',
      '--management-auth=none',
    ],
    cwd: checkout,
    log: `${dir}.log`,
    readyUrl: `http://127.0.0.1:${port}/healthcheck`,
  })
  try {
    const startSeconds = (performance.now() - began) / 1000
    const target = { port, path: '/v2/cache', header: 'X-Auth-Token: bench' }
    const { usage, result } = await measureUsage(server.pid, () =>
      drain(target, undefined, { requests: 1, connections: 1 }),
    )
    // An entry has an id of 36 characters and more: a list of fewer bytes is not the whole list.
    if (result.bytes < entries * 36) throw new Error(`the list of ${entries} images has ${result.bytes} bytes`)
    return { startSeconds, entriesPerSecond: entries / result.seconds, peakRssMiB: usage.peakRssMiB }
  } finally {
    await server.stop()
  }
}
