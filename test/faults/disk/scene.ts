import assert from 'node:assert/strict'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Ask, type Got, get } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import type { DriverName } from '../../support/proxy.ts'
import type { ScriptedUpstream } from '../../support/scripted-upstream.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'
import type { FaultyServer } from './faulty-server.ts'
import { cacheName } from './seam/words.ts'

/** Bytes of each image: two pieces of data with a hole between them, no whole number of pages. */
const [headBytes, holeBytes, tailBytes] = [130_001, 131_072, 130_000]

/** The image of this number: the same bytes each time, others for each. */
export function imageBytes(number: number): Buffer {
  const [head, tail] = [patternBytes(headBytes, number), patternBytes(tailBytes, number + 100)]
  return Buffer.concat([head, Buffer.alloc(holeBytes), tail])
}

/** One case: a cache directory of its own, the server with a faulty disk, and a healthy store of two images. */
export class DiskScene {
  readonly driver: DriverName
  readonly upstream: ScriptedUpstream
  readonly server: FaultyServer
  readonly dir: string
  /** The image that it is about, and another one. */
  readonly id = imageId(1)
  readonly other = imageId(2)
  /** The bytes of each image, by its id. */
  readonly stored = new Map<string, Buffer>()
  /** What a client gets who is not served to the end yet. */
  waiting: Promise<Got> | undefined
  #downloads = 0

  static async open(t: TestContext, driver: DriverName, upstream: ScriptedUpstream, server: FaultyServer) {
    const dir = join(await tempDir(t), cacheName)
    await mkdir(dir, { mode: 0o750 })
    const scene = new DiskScene(driver, upstream, server, dir)
    for (const number of [1, 2]) scene.store(number, imageBytes(number))
    upstream.everyFile(scene.id, undefined)
    return scene
  }

  private constructor(driver: DriverName, upstream: ScriptedUpstream, server: FaultyServer, dir: string) {
    this.driver = driver
    this.upstream = upstream
    this.server = server
    this.dir = dir
  }

  /** The store has these bytes under the id of this number now. */
  store(number: number, bytes: Buffer): void {
    const id = imageId(number)
    this.stored.set(id, bytes)
    this.upstream.addImage({ id, bytes, updatedAt: new Date().toISOString() })
  }

  /** Gives why the server could not start. */
  async start(flags: readonly string[] = []): Promise<string | undefined> {
    this.#downloads = 0
    return this.server.start([
      '--bind-port=0',
      '--management-bind-port=0',
      '--management-auth=none',
      `--image-cache-dir=${this.dir}`,
      `--image-cache-driver=${this.driver}`,
      '--cache-min-free-space=0',
      '--graceful-shutdown-timeout=1',
      '--log-level=info',
      `--origin-url=${this.upstream.url}`,
      ...flags,
    ])
  }

  /** A server that must start and serve, for what comes before the fault. */
  async startWhole(flags: readonly string[] = []): Promise<void> {
    assert.equal(await this.start(flags), undefined)
  }

  /** Downloads an image, to whatever end, and waits until the fill it began is over too. */
  async download(id = this.id, ask: Ask = {}): Promise<Got> {
    const got = await deadline(get(`${this.server.url}/v2/images/${id}/file`, ask).catch(refused), 'the client is done')
    this.#downloads++
    await this.server.settled(this.#downloads)
    return got
  }

  /** The same of one that must be cached by it. */
  async cache(...ids: string[]): Promise<void> {
    for (const id of ids) {
      assert((await this.download(id)).complete)
      await eventually(async () => (await this.names()).includes(id), `image ${id} is cached`)
    }
  }

  /** Asks the management; nobody cares what it answers when the disk is faulty, but it must answer. */
  async manage(method: string, path: string): Promise<Got> {
    return deadline(get(`${this.server.url}${path}`, { method }).catch(refused), `${method} ${path} is answered`)
  }

  /** Names in a place of the cache directory, of images only. */
  async names(place = '.'): Promise<string[]> {
    return (await readdir(join(this.dir, place))).filter((name) => /^[0-9a-f-]{36}$/.test(name))
  }

  path(...names: string[]): string {
    return join(this.dir, ...names)
  }
}

/** The process was killed before it could take the connection. */
function refused(): Got {
  return { status: 0, headers: {}, body: Buffer.alloc(0), complete: false, broke: 'ECONNREFUSED' }
}
