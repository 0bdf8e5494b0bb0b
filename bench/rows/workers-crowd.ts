import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { getText } from '../client/get.ts'
import { downloadHeaders } from '../client/whole-image.ts'
import { waitUntil } from '../deadline.ts'
import { measureUsage } from '../measure.ts'
import { afterimageTwoWorkers } from '../peers/afterimage.ts'
import type { AfterimageAccess } from '../peers/peer.ts'
import { makeCold, whatWasFetched } from './cold.ts'
import { columns, type Row, servers } from './row.ts'
import { warm } from './warm.ts'

const clients = 8
const checkout = join(import.meta.dirname, '../..')

export const hitsCounted = { key: 'hits', label: 'hits counted', digits: 0 }

/**
 * Everybody at once: the clients of two workers, and a prefetcher in a process of its own that has the same image to
 * fetch. Then, when it is cached, as many clients again: their hits are what has to be counted once each.
 */
export const workersCrowd: Row = {
  name: 'workers-crowd',
  title: 'Large image, 8 cold clients of two workers and a prefetcher at once',
  columns: [columns.seconds, columns.firstByte, columns.fetched, hitsCounted, columns.cpu, columns.peakRss],
  contestants: servers([afterimageTwoWorkers], {
    prepare: (peer, { images }) => warm(peer, images.large),
    async round(peer, { dir, drain, interrupted, images: { large } }) {
      const ours = peer.afterimage
      if (ours === undefined) throw new Error(`${peer.pid} is no Afterimage`)
      await makeCold(peer, large, dir)
      const queue = join(ours.cacheDir, 'queue')
      await mkdir(queue, { recursive: true })
      await writeFile(join(queue, large.id), '')
      const fetching = await whatWasFetched(peer, large)
      const program = ['dist/src/cache-prefetcher.js', '--config-file', ours.configFile]
      const prefetch = promisify(execFile)(process.execPath, program, { cwd: checkout, signal: interrupted })
      const load = { requests: clients, connections: clients }
      const [{ usage, result }] = await Promise.all([
        measureUsage(peer.pid, () => drain(peer.target(large), large.size, load)),
        prefetch,
      ])
      const fetched = (await fetching()) ?? Number.NaN
      await waitUntil('the image to be cached', 60, async () => peer.isHit(await downloadHeaders(peer.target(large))))
      const hits = await newHits(ours, large.id, () => drain(peer.target(large), large.size, load))
      const { cpuSeconds, peakRssMiB } = usage
      return { ...result, fetched, hits, cpuSeconds, peakRssMiB }
    },
  }),
}

/** How many hits of the image are counted for what `work` downloads. Counts are written together, a moment later. */
async function newHits(ours: AfterimageAccess, id: string, work: () => Promise<unknown>): Promise<number> {
  const before = await settledHits(ours, id)
  await work()
  return (await settledHits(ours, id)) - before
}

/** As Afterimage tells it, when it has told the same for a second. */
async function settledHits({ operatorUrl }: AfterimageAccess, id: string): Promise<number> {
  let [hits, since] = [Number.NaN, performance.now()]
  await waitUntil('the count of hits to settle', 20, async () => {
    const state = JSON.parse((await getText(`${operatorUrl}/api/v1/cache/images/${id}`)) ?? '{}')
    const now = Number(state.cached?.hits ?? 0)
    if (now !== hits) [hits, since] = [now, performance.now()]
    return performance.now() - since > 1000
  })
  return hits
}
