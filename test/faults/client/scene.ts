import type { TestContext } from 'node:test'
import { get } from '../../support/client.ts'
import { imageId } from '../../support/image-id.ts'
import { type DriverName, type RunningProxy, startProxy } from '../../support/proxy.ts'
import { type ScriptedUpstream, startUpstream } from '../../support/scripted-upstream.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'
import { type RawClient, rawClient } from '../../support/upstream-raw-client.ts'
import { startTap, type Tap } from './tap.ts'

/** A server with a tapped line to its store, and one image in its cache. */
export interface Scene {
  readonly upstream: ScriptedUpstream
  readonly tap: Tap
  readonly proxy: RunningProxy
  readonly port: number
  /** The image that is cached. */
  readonly id: string
  readonly bytes: Buffer
  /** The target of a download. */
  file(id?: string): string
  connect(t: TestContext): Promise<RawClient>
}

export async function startScene(
  t: TestContext,
  {
    driver = 'sqlite',
    size = 1000,
    flags = [],
  }: Readonly<{ driver?: DriverName; size?: number; flags?: readonly string[] }> = {},
): Promise<Scene> {
  const upstream = await startUpstream(t)
  const id = imageId(1)
  const bytes = patternBytes(size)
  upstream.addImage({ id, bytes })
  const tap = await startTap(t, upstream.url)
  const proxy = await startProxy(t, { upstream: tap.url, driver, flags })
  await get(proxy.image(id))
  await proxy.committed(id)
  const port = Number(new URL(proxy.url).port)
  return {
    upstream,
    tap,
    proxy,
    port,
    id,
    bytes,
    file: (of = id) => `/v2/images/${of}/file`,
    connect: (test) => rawClient(test, port),
  }
}

/** A request of one text. */
export const ask = (line: string, fields = '', body = ''): string =>
  `${line} HTTP/1.1\r\nHost: h\r\n${fields}\r\n${body}`
