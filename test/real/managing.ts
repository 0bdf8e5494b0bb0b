import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Answer, type Ask, ask, mustAsk } from './ask.ts'
import { download } from './download.ts'
import { eventually } from './eventually.ts'
import { filePath, type TestImage } from './images.ts'
import type { RunningProxy } from './proxy.ts'

/** A cached image as our own API has it (times in Unix milliseconds). */
export type Listed = Readonly<{
  id: string
  size: number
  hits: number
  accessed_at: number
  modified_at: number
  pinned: boolean
  verified_at?: number
}>

export type Queued = Readonly<{ id: string; attempts: number; reason?: string; retry_at?: number }>

/** An admin's requests to a server's own API. */
export interface Managing {
  ask(method: NonNullable<Ask['method']>, path: string): Promise<Answer>
  images(): Promise<Listed[]>
  queue(): Promise<Queued[]>
  incomplete(): Promise<Readonly<{ id: string; owner: 'here' | 'elsewhere' | 'left' }>[]>
  pin(id: string): Promise<void>
}

export function managing(proxy: Pick<RunningProxy, 'url'>, token: string): Managing {
  // What our own API answers is what its tests say it is.
  const read = async (path: string) =>
    JSON.parse((await mustAsk(`${proxy.url}/api/v1/cache${path}`, { token })).body.toString())
  return {
    ask: (method, path) => ask(proxy.url + path, { method, token }),
    images: async () => (await read('/images')).images,
    queue: async () => (await read('/queue')).queue,
    incomplete: async () => (await read('/incomplete')).incomplete,
    async pin(id) {
      await mustAsk(`${proxy.url}/api/v1/cache/images/${id}/pin`, { method: 'PUT', token })
    },
  }
}

/** Downloads an image until it is in the cache. */
export async function cacheImage(
  { url, cacheDir }: RunningProxy,
  { id }: Pick<TestImage, 'id'>,
  token: string,
): Promise<void> {
  await download(url + filePath(id), { token })
  await eventually(`image ${id} in the cache`, 20, async () => existsSync(join(cacheDir, id)))
}
