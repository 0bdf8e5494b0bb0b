import { type Got, get } from '../../support/client.ts'
import type { Server } from './server.ts'

export type CachedImage = Readonly<{
  id: string
  size: number
  hits: number
  pinned: boolean
  md5: string | undefined
  verified_at: number | undefined
}>

const nothing: Got = { status: 0, headers: {}, body: Buffer.alloc(0), complete: false, broke: 'ECONNREFUSED' }

/** Like `get`, but a server that does not listen any more is an answer too. */
export const ask = (...asked: Parameters<typeof get>): Promise<Got> => get(...asked).catch(() => nothing)

/** Asks the operator's endpoints. */
export const operate = (server: Server, method: string, path: string): Promise<Got> =>
  ask(`${server.url}${path}`, { method })

async function json(server: Server, path: string): Promise<unknown> {
  const got = await operate(server, 'GET', path)
  if (got.status !== 200 || !got.complete) throw new Error(`GET ${path} gives ${got.status} ${got.broke ?? ''}`)
  return JSON.parse(got.body.toString())
}

/** What the server says is cached, and queued. */
export async function listed(server: Server): Promise<{ images: CachedImage[]; queue: string[] }> {
  const { images } = (await json(server, '/api/v1/cache/images')) as { images: CachedImage[] }
  const { queue } = (await json(server, '/api/v1/cache/queue')) as { queue: { id: string }[] }
  return { images, queue: queue.map(({ id }) => id) }
}

/** Metrics of the directory and of what is under way. */
export async function gauges(server: Server): Promise<{ images: number; bytes: number; fills: number }> {
  const text = (await ask(`${server.operatorUrl}/metrics`)).body.toString()
  const sum = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    )
  return {
    images: sum('afterimage_cached_images'),
    bytes: sum('afterimage_cached_bytes'),
    fills: sum('afterimage_fills_in_progress'),
  }
}
