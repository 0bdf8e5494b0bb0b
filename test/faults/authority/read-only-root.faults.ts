import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { freePort } from '../../real/proxy.ts'
import { get } from '../../support/client.ts'
import { eventually } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import { type DriverName, drivers } from '../../support/proxy.ts'
import { startUpstream } from '../../support/scripted-upstream.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'
import { sample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { type Hardened, openCell, uid } from './hardened.ts'

const fault = 'not root, no capability, everything read-only but the cache directory'
const bytes = patternBytes(3_000_000)
const by = { headers: { 'X-Auth-Token': 'owner' } }

const cases = drivers.flatMap((driver) => [1, 2].map((workers) => ({ driver, workers })))
for (const { driver, workers } of sample(cases, 1)) {
  test(`a server's life, ${driver}, workers = ${workers}`, (t) => live(t, driver, workers))
}

async function live(t: TestContext, driver: DriverName, workers: number): Promise<void> {
  const upstream = await startUpstream(t)
  for (const n of [1, 2, 3]) upstream.addImage({ id: imageId(n), bytes })
  const cell = await openCell(t)
  const [port, operatorPort] = [await freePort(), await freePort()]
  const options = [
    `--image-cache-dir=${cell.dir}`,
    `--image-cache-driver=${driver}`,
    `--origin-url=${upstream.url}`,
    '--cache-min-free-space=0',
    '--image-cache-max-size=4M',
    '--log-level=warn',
  ]
  const server = cell.start('api.ts', [
    ...options,
    `--bind-port=${port}`,
    `--management-bind-port=${operatorPort}`,
    '--management-auth=none',
    `--workers=${workers}`,
  ])
  const url = `http://127.0.0.1:${port}`
  const isUp = async () => (await get(`${url}/healthcheck`).catch(() => undefined))?.status === 200
  await eventually(isUp, `the server answers: ${server.output()}`, 60_000)
  const names = async () => (await readdir(cell.dir)).filter((name) => /^[0-9a-f-]{36}$/.test(name)).sort()
  const is = (ids: readonly string[], what: string) =>
    eventually(async () => (await names()).join() === ids.join(), what, 30_000)
  const told = (step: string, client: string, disk: string) =>
    saw({ area: 'authority', fault, step, driver, client, disk })
  const step = (what: string) => (workers === 1 ? what : `${what}; two workers`)

  const [first, second, third] = [imageId(1), imageId(2), imageId(3)]
  const read = (id: string) => get(`${url}/v2/images/${id}/file`, by)
  assert((await read(first)).body.equals(bytes))
  await is([first], 'the first image is committed')
  told(step('a miss'), 'the whole image', 'committed')

  const hit = await read(first)
  assert(hit.body.equals(bytes))
  assert.equal(hit.headers['cache-status'], 'afterimage; hit')
  told(step('a hit'), 'the whole image, from the store', 'committed')

  assert((await read(second)).body.equals(bytes))
  await is([first, second], 'the second one is committed')
  const pruned = await get(`${url}/v2/cache/prune`, { method: 'POST' })
  assert.equal(pruned.status, 200, pruned.body.toString())
  await is([second], 'the one used first has made room')
  told(step('a prune by the server'), 'it is done', 'within image_cache_max_size')

  assert.equal((await get(`${url}/v2/queued_images/${third}`, { method: 'PUT' })).status, 200)
  await well(cell.start('cache-prefetcher.ts', options))
  await is([second, third], 'the queued image is there')
  await well(cell.start('cache-pruner.ts', options))
  await is([third], 'the pruner has made room')
  await well(cell.start('cache-cleaner.ts', options))
  await well(cell.start('cache-manage.ts', [`--url=${url}`, '--force', 'delete-all-cached-images']))
  await is([], 'all of them are gone')
  told(
    step('the prefetcher, the pruner, the cleaner and cache-manage beside it'),
    'they are done',
    'as they are to leave it',
  )

  await well(server, 'SIGTERM')
  for (const name of await readdir(cell.dir, { recursive: true })) {
    assert.equal((await stat(join(cell.dir, name))).uid, uid, name)
  }
  told(step('SIGTERM'), 'exit status 0', 'nothing was ever written elsewhere, nor tried to be')
}

/** It has done what it was to do, and tried to write nowhere else. */
async function well(run: Hardened, signal?: 'SIGTERM'): Promise<void> {
  const { code, output } = await run.ended(signal)
  assert.equal(code, 0, output)
  assert.deepEqual(await run.refusedWrites(), [])
}
