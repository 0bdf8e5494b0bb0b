import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Ask, type Got, get } from './client.ts'
import { imageId } from './image-id.ts'
import { type DriverName, type RunningProxy, startProxy } from './proxy.ts'
import { type ScriptedUpstream, startUpstream } from './scripted-upstream.ts'
import { patternBytes } from './upstream-bytes.ts'

/** A proxy that is managed over HTTP, and its image store. */
export interface Managed {
  readonly upstream: ScriptedUpstream
  readonly proxy: RunningProxy
  ask(method: string, path: string, headers?: Ask['headers'], body?: Buffer): Promise<Got>
  /** The same, and the answer must have this status; its body as JSON, undefined when it is empty. */
  expect(status: number, method: string, path: string, headers?: Ask['headers']): Promise<unknown>
  /** Puts images of this number into the store and into the cache, by downloading them. */
  cached(...numbers: number[]): Promise<string[]>
  /** Everything in the cache directory, by its path, our own and the database's left out. */
  tree(): Promise<string[]>
}

/** Size of the images that `cached` makes. */
export const imageSize = 10_240

export async function startManaged(
  t: TestContext,
  driver: DriverName,
  flags: readonly string[] = [],
): Promise<Managed> {
  const upstream = await startUpstream(t)
  const proxy = await startProxy(t, { upstream: upstream.url, driver, flags })
  const ask: Managed['ask'] = (method, path, headers = {}, body = undefined) =>
    get(proxy.url + path, { method, headers, ...(body === undefined ? {} : { body }) })
  return {
    upstream,
    proxy,
    ask,
    async expect(status, method, path, headers) {
      const got = await ask(method, path, headers)
      assert.equal(got.status, status, `${method} ${path}: ${got.body}`)
      assert(got.complete, `${method} ${path}`)
      return got.body.length === 0 ? undefined : JSON.parse(got.body.toString())
    },
    async cached(...numbers) {
      const ids = numbers.map(imageId)
      for (const [index, id] of ids.entries()) {
        upstream.addImage({ id, bytes: patternBytes(imageSize, numbers[index]) })
        assert((await get(proxy.image(id))).complete)
        await proxy.committed(id)
      }
      return ids
    },
    async tree() {
      const entries = await readdir(proxy.dir, { recursive: true, withFileTypes: true })
      return entries
        .map((entry) => join(entry.parentPath, entry.name).slice(proxy.dir.length + 1))
        .filter((path) => !path.startsWith('.afterimage') && !path.startsWith('cache.db'))
        .sort()
    },
  }
}

/** What a client shows of an error: the text between WebOb's tags, or its plain form, or the JSON's message. */
export function explanationIn({ headers, body }: Got): string {
  const text = body.toString()
  const type = String(headers['content-type'])
  if (type.startsWith('application/json')) return String(JSON.parse(text).message).split('<br />')[0] ?? ''
  if (type.startsWith('text/plain')) return text.split('\n\n')[1] ?? ''
  return /<\/h1>\s*(.*?)<br \/>/s.exec(text)?.[1] ?? text
}
