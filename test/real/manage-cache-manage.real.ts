import { deepEqual, equal, match } from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { credentialsOf, type RunOptions } from './command.ts'
import { createImage } from './images.ts'
import { revoke, tokenOf } from './keystone.ts'
import { type Both, startBoth } from './manage-both.ts'

// Glance's own glance-cache-manage, one command after the other, before Afterimage and before Glance with its cache.
const running = new AsyncDisposableStack()
let both: Both
let first: string
let second: string
let token: string
before(async () => {
  both = running.use(await startBoth())
  token = await tokenOf('alice')
  first = (await createImage(token, 300_000)).id
  second = (await createImage(token, 5_000_000)).id
})
after(() => running.disposeAsync())

const admin: RunOptions = { env: credentialsOf('admin') }
const answering = (input: string): RunOptions => ({ ...admin, input: `${input}\n` })

const manage = (...args: string[]) =>
  (({ hostname, port }: URL) => ['glance-cache-manage', `--host=${hostname}`, '-p', port, ...args]) as (
    url: URL,
  ) => [string, ...string[]]

test('list-cached and list-queued of an empty cache', async () => {
  equal((await both.same(manage('list-cached'), admin)).stdout, 'No cached images.\n')
  equal((await both.same(manage('list-queued'), admin)).stdout, 'No queued images.\n')
})

test('queue-image asks, and only `y` or `yes` queues', async () => {
  const prompt = `Queue image ${first} for caching? [y/N] `
  for (const no of ['', 'n', 'maybe']) {
    const { status, stdout } = await both.same(manage('queue-image', first), answering(no))
    deepEqual([status, stdout], [0, prompt])
  }
  deepEqual(await both.names('queue'), [[], []])
  const yes = await both.same(manage('-v', 'queue-image', first), answering('y'))
  match(
    yes.stdout,
    new RegExp(`^Queue image ${first} for caching\\? \\[y/N\\] Queued image ${first} for caching$`, 'm'),
  )
  equal((await both.same(manage('--force', 'queue-image', second), admin)).stdout, '')
  deepEqual(await both.names('queue'), [[first, second].sort(), [first, second].sort()])
  match((await both.same(manage('list-queued'), admin)).stdout, /^Found 2 queued images\.\.\.$/m)
  deepEqual(await both.names(), [[], []], 'and nothing is fetched')
})

test('delete-queued-image and delete-all-queued-images', async () => {
  match((await both.same(manage('-v', 'delete-queued-image', first), answering('YES'))).stdout, /Deleted queued image/)
  deepEqual(await both.names('queue'), [[second], [second]])
  await both.same(manage('delete-all-queued-images'), answering('n'))
  deepEqual(await both.names('queue'), [[second], [second]])
  match((await both.same(manage('-v', 'delete-all-queued-images'), answering('y'))).stdout, /Deleted 1 queued images/)
  deepEqual(await both.names('queue'), [[], []])
})

test('list-cached shows sizes, times and hits of what was downloaded', async () => {
  await both.download(first, token)
  await both.download(second, token)
  for (let hits = 0; hits < 3; hits += 1) await both.download(second, token)
  const { stdout } = await both.same(manage('list-cached'), admin)
  match(stdout, /^Found 2 cached images\.\.\.$/m)
  match(stdout, new RegExp(`^\\| ${first} \\| \\S+ \\| \\S+ +\\| +300000 \\| +0 \\|$`, 'm'))
  match(stdout, new RegExp(`^\\| ${second} \\| \\S+ \\| \\S+ +\\| +5000000 \\| +3 \\|$`, 'm'))
})

test('queue-image of a cached image queues nothing', async () => {
  await both.same(manage('-v', '-f', 'queue-image', first), admin)
  deepEqual(await both.names('queue'), [[], []])
})

test('delete-cached-image and delete-all-cached-images', async () => {
  await both.same(manage('delete-cached-image', first), answering('n'))
  await both.same(manage('-v', 'delete-cached-image', first), answering('y'))
  deepEqual(await both.names(), [[second], [second]])
  await both.same(manage('-v', '-f', 'delete-cached-image', first), admin)
  await both.same(manage('delete-all-cached-images'), answering(''))
  deepEqual(await both.names(), [[second], [second]])
  match((await both.same(manage('-v', '-f', 'delete-all-cached-images'), admin)).stdout, /^Deleted 1 cached images$/m)
  deepEqual(await both.names(), [[], []])
})

test('who may not is told so, and changes nothing', async () => {
  await both.same(manage('-f', 'queue-image', first), admin)
  const alice: RunOptions = { env: credentialsOf('alice') }
  for (const args of [
    ['list-cached'],
    ['list-queued'],
    ['-f', 'delete-all-queued-images'],
    ['-f', 'queue-image', second],
  ]) {
    const { status, stdout } = await both.same(manage(...args), alice)
    deepEqual([status, stdout], [1, 'Not authorized to make this request.\n'])
  }
  const stranger: RunOptions = { env: { ...credentialsOf('admin'), OS_PASSWORD: 'wrong' } }
  equal((await both.same(manage('-f', 'delete-all-queued-images'), stranger)).status, 1)
  deepEqual(await both.names('queue'), [[first], [first]])
})

test('a token instead of a password; one that is no good any more is replaced with a new one', async () => {
  const revoked = await tokenOf('admin')
  await revoke(revoked)
  for (const given of [await tokenOf('admin'), revoked]) {
    equal((await both.same(manage('--os-auth-token', given, 'list-cached'), admin)).status, 0)
  }
})

test('an id that is none, or none at all', async () => {
  for (const args of [['nonsense'], [first, second], []]) {
    equal((await both.same(manage('-f', 'delete-cached-image', ...args), admin)).status, 1)
  }
})
