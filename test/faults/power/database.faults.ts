import assert from 'node:assert/strict'
import { open, rename, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { get } from '../../support/client.ts'
import { imageId } from '../../support/image-id.ts'
import { startProxy } from '../../support/proxy.ts'
import { startUpstream } from '../../support/scripted-upstream.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'
import { saw } from '../matrix/seen.ts'

const id = imageId(1)
const bytes = patternBytes(100_000)

const damages = [
  { fault: 'the first page of the database is garbage', at: 0, says: /move it away/ },
  { fault: 'a later page of the database is garbage', at: 8192, says: /damaged; move it away/ },
  { fault: 'the end of the database is missing', at: undefined, says: /damaged; move it away/ },
] as const

/**
 * No power cut does this where a disk keeps what it has synced; one that does not may. To go on with a database that is
 * wrong could mean wrong facts, and whether to throw it away is the operator's to say: so the server does not start,
 * and says what to do. Nothing but counts of hits is lost then.
 */
describe('a damaged database', () => {
  for (const { fault, at, says } of damages) {
    test(fault, async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const dir = await tempDir(t)
      const db = join(dir, 'cache.db')
      const start = (t: TestContext) => startProxy(t, { upstream: upstream.url, driver: 'sqlite', dir })
      const first = await start(t)
      assert((await get(first.image(id))).complete)
      await first.committed(id)
      await first.close()

      if (at === undefined) await truncate(db, 5000)
      else await overwrite(db, at)
      await assert.rejects(start(t), says)
      await rename(db, `${db}.damaged`)

      const second = await start(t)
      upstream.requests.length = 0
      const got = await get(second.image(id))
      assert(got.complete && got.body.equals(bytes))
      assert.equal(upstream.downloads(id).length, 0, 'it is proven again, not downloaded')
      saw({
        area: 'power',
        fault,
        step: 'start',
        driver: 'sqlite',
        client: 'no server, which says to move the database away; then the whole image, from the cache',
        disk: 'committed, proven again',
      })
    })
  }
})

async function overwrite(path: string, at: number): Promise<void> {
  const handle = await open(path, 'r+')
  try {
    await handle.write(Buffer.alloc(4096, 'what lay here before'), 0, 4096, at)
  } finally {
    await handle.close()
  }
}
