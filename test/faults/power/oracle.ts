import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Got, get } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import { type RunningProxy, startProxy } from '../../support/proxy.ts'
import type { ScriptedUpstream } from '../../support/scripted-upstream.ts'
import { bytesOf, type Content } from '../../support/upstream-bytes.ts'
import type { Step } from './steps.ts'
import type { Recorded } from './tape.ts'

/** Digests are worked out once for each content, its bytes too. */
const bytes = new Map<Content, Buffer>()
export function contentBytes(content: Content): Buffer {
  const known = bytes.get(content) ?? bytesOf(content)
  bytes.set(content, known)
  return known
}

/**
 * Starts a server on `dir`, as the power cut has left it, and asks for every image of which something is there. It must start; an image of which it
 * was told that it is cached must be a hit; of the others nothing may be gone on with that was not synced; everybody
 * gets the whole image, at once and once more, or what the store says.
 */
export async function judge(
  t: TestContext,
  recorded: Recorded,
  step: Step,
  upstream: ScriptedUpstream,
  dir: string,
): Promise<void> {
  const synced = await syncedIn(dir)
  const there = new Set([...(await readdir(dir)), ...(await readdir(join(dir, 'incomplete')).catch(() => []))])
  const { driver, flags } = recorded
  const proxy = await startProxy(t, { upstream: upstream.url, driver, dir, flags })
  upstream.requests.length = 0
  // Those that must be there before a fill of another makes room.
  const others = [...step.world.keys()].filter((id) => !step.promised.includes(id))
  const ids = [...step.promised, ...others.filter((id) => id === step.id || there.has(id))]
  for (const id of ids) {
    const content = step.world.get(id)
    const got = await deadline(get(proxy.image(id)), `a download of ${id}`, 90_000)
    right(got, content, id)
    if (step.promised.includes(id)) {
      assert.equal(got.headers['cache-status'], 'afterimage; hit', `${id}, which was told to be cached, is a hit`)
      assert.deepEqual(upstream.downloads(id).length, 0, `${id}, which was told to be cached, is not downloaded`)
    }
    for (const { headers } of upstream.downloads(id)) {
      const from = /^range: bytes=(\d+)-/im.exec(headersText(headers))?.[1]
      assert(
        Number(from ?? 0) <= (synced.get(id) ?? 0),
        `${id} is gone on with at ${from}, ${synced.get(id)} are synced`,
      )
    }
  }
  for (const id of ids) {
    right(await deadline(get(proxy.image(id)), `one more ${id}`, 90_000), step.world.get(id), id)
  }
  await settled(proxy)
  await proxy.close()
  for (const id of (await readdir(dir)).filter((name) => step.world.has(name))) {
    const content = step.world.get(id)
    if (content !== undefined) assert((await readFile(join(dir, id))).equals(contentBytes(content)), `${id} on disk`)
  }
}

const headersText = (headers: ReadonlyArray<readonly [string, string]>): string =>
  headers.map(([name, value]) => `${name}: ${value}`).join('\n')

function right({ status, complete, body, broke }: Got, content: Content | undefined, id: string): void {
  if (content === undefined) {
    assert.equal(status, 404, `${id} is not given out`)
    return
  }
  assert.equal(status, 200, `${id}: ${broke ?? 'answered'}`)
  assert(body.equals(contentBytes(content).subarray(0, body.length)), `${id}: every byte is right`)
  assert(complete && body.length === content.size, `${id} is whole`)
}

async function settled(proxy: RunningProxy): Promise<void> {
  const isSettled = async () =>
    (await proxy.names('incomplete')).length === 0 && (await readdir(join(proxy.dir, '.afterimage/fills'))).length === 0
  await eventually(isSettled, 'nothing is left over')
}

/** What the records in a directory say of how much of their files is on the disk. */
async function syncedIn(dir: string): Promise<Map<string, number>> {
  const fills = join(dir, '.afterimage', 'fills')
  const found = new Map<string, number>()
  for (const id of await readdir(fills).catch(() => [])) {
    const line = await readFile(join(fills, id), 'latin1')
    found.set(id, Number(/^\d+ (\d+) /.exec(line)?.[1] ?? 0))
  }
  return found
}
