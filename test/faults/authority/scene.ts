import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mustAsk } from '../../real/ask.ts'
import { filePath } from '../../real/images.ts'
import { get, type Opened, open } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import type { Callers } from './callers.ts'
import type { Server } from './server.ts'
import { type CacheState, heldAfter, type Stage } from './stages.ts'
import type { Glances, ImageState } from './states.ts'

/** One image in Glance, and cached, arriving or not in each of the servers. */
export interface Scene extends AsyncDisposable {
  readonly id: string
  readonly bytes: Buffer
  readonly cache: CacheState
  /** Whoever reads it whole brings it into the cache. */
  readonly isTaken: boolean
  readonly stages: readonly Stage[]
  readonly servers: readonly Server[]
  /** Lets what is held go on, and shows that whoever was first gets what he began to get. */
  release(): Promise<void>
  /** Takes the image out of the caches. */
  evict(): Promise<void>
  /** What each server has under the image's id. */
  onDisk(): Promise<(Buffer | undefined)[]>
}

/** For stages that begin with the same state of the cache. */
export async function openScene(
  stages: readonly [Stage, ...Stage[]],
  state: ImageState,
  bytes: Buffer,
  callers: Callers,
  servers: readonly Server[],
  { glance, patient }: Glances,
): Promise<Scene> {
  const { tokens } = callers
  const [{ cache }] = stages
  const id = crypto.randomUUID()
  await patient.create(tokens.owner, id, state.visibility === 'public' ? 'private' : state.visibility)
  if (state.isEmpty !== true) await patient.upload(tokens.owner, id, bytes)
  if (state.visibility === 'public') await patient.set(tokens.admin, id, 'visibility', 'public')
  await state.prepare?.(callers, id, patient)
  const arranged = await Promise.all(servers.map((server) => arrange(server, cache, id, bytes, callers)))
  const firsts = arranged.flatMap(({ first }) => (first === undefined ? [] : [first]))
  return {
    id,
    bytes,
    cache,
    isTaken: state.isNotCached !== true,
    stages,
    servers,
    async release() {
      for (const { open } of arranged) open()
      for (const { rest } of firsts) {
        const got = await deadline(rest, 'whoever was first has his image', 60_000)
        assert(got.complete && got.body.equals(bytes), 'the image that he began to read')
      }
      for (const server of servers) await server.committed(id)
    },
    async evict() {
      for (const { names, evict } of servers) {
        await evict(id)
        await eventually(async () => !(await names()).includes(id), `${id} is evicted`)
      }
    },
    async onDisk() {
      // The last byte may be there before the file has its name.
      for (const { names } of servers)
        await eventually(async () => !(await names('incomplete')).includes(id), `${id} has arrived`, 30_000)
      return Promise.all(servers.map(({ cacheDir }) => readFile(join(cacheDir, id)).catch(() => undefined)))
    },
    async [Symbol.asyncDispose]() {
      for (const { open } of arranged) open()
      for (const first of firsts) first.leave()
      await glance.clear(tokens.admin, id)
    },
  }
}

type Arranged = Readonly<{ open(): void; first?: Opened }>

async function arrange(
  server: Server,
  cache: CacheState,
  id: string,
  bytes: Buffer,
  { tokens }: Callers,
): Promise<Arranged> {
  const url = server.url + filePath(id)
  const asOwner = { headers: { 'x-auth-token': tokens.owner } }
  const hold = () =>
    server.relay.hold(({ line, range }) => line.includes(`${id}/file `) && range === undefined, heldAfter)
  switch (cache) {
    case 'nothing':
      return { open: () => undefined }
    case 'committed':
    case 'remembered': {
      const { body } = await get(url, asOwner)
      assert(body.equals(bytes), 'the owner has brought it into the cache')
      await server.committed(id)
      return { open: () => undefined }
    }
    case 'arriving': {
      const barrier = hold()
      const first = await open(url, asOwner)
      await deadline(barrier.reached, 'the download is held', 30_000)
      return { open: () => barrier.open(), first }
    }
    case 'prefetching': {
      const barrier = hold()
      await mustAsk(`${server.url}/v2/cache/${id}`, { method: 'PUT', token: tokens.admin })
      await deadline(barrier.reached, 'the prefetch is held', 30_000)
      return { open: () => barrier.open() }
    }
  }
}
