import { deepEqual, equal, match } from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { credentialsOf, type RunOptions, runCommand } from './command.ts'
import { eventually } from './eventually.ts'
import { createImage } from './images.ts'
import { createRegion, tokenOf } from './keystone.ts'
import { type Both, startBoth } from './manage-both.ts'

// `openstack cached image …`, which finds the image service by its region. Debian's client is too old to have it (6.0,
// since 6.1): the requests of those commands are sent with the client's own library instead, and the commands are
// tested where they are installed.
describe('openstack cached image', () => {
  const running = new AsyncDisposableStack()
  let both: Both
  let regions: Map<string, string>
  let ids: string[]
  let hasCommands: boolean
  before(async () => {
    both = running.use(await startBoth())
    regions = new Map()
    for (const { url } of [both.glance, both.proxy]) {
      regions.set(new URL(url).port, running.use(await createRegion(url)).id)
    }
    const token = await tokenOf('alice')
    ids = [(await createImage(token, 10_000)).id, (await createImage(token, 2_000_000)).id].sort()
    const { status } = await runCommand('openstack', ['help', 'cached', 'image', 'list'])
    hasCommands = status === 0
  })
  after(() => running.disposeAsync())

  const admin: RunOptions = { env: credentialsOf('admin') }
  const regionOf = ({ port }: URL) => regions.get(port) ?? ''
  const program = join(import.meta.dirname, 'cached-images.py')
  const library =
    (...args: string[]) =>
    (url: URL) =>
      ['/usr/bin/python3', program, regionOf(url), ...args] as const
  const command =
    (...args: string[]) =>
    (url: URL) =>
      ['openstack', regionOf(url), 'cached', 'image', ...args] as const

  const inBoth = (wanted: readonly string[]) => async () =>
    (await both.names()).every((names) => `${names}` === `${wanted}`)

  test('the requests of `openstack cached image` through its library', async () => {
    deepEqual((await both.same(library('list'), admin)).stdout, '200 {"cached_images": [], "queued_images": []}\n')
    equal((await both.same(library('queue', ...ids), admin)).stdout, '202\n202\n')
    await eventually('the images in both caches', 30, inBoth(ids))
    match((await both.same(library('list'), admin)).stdout, new RegExp(`${ids[0]}[^]*${ids[1]}`))
    equal((await both.same(library('delete', ids[0] ?? ''), admin)).stdout, '204\n')
    deepEqual(await both.names(), [ids.slice(1), ids.slice(1)])
    for (const target of ['queue', 'cache', ''])
      equal((await both.same(library('clear', target), admin)).stdout, '204\n')
    equal((await both.same(library('clear', 'both'), admin)).stdout, '400\n')
    deepEqual(await both.names(), [[], []])
  })

  test('openstack cached image list, queue, delete, clear', async (t) => {
    if (!hasCommands) return t.skip('the installed openstack has no such commands')
    await both.same(command('list'), admin)
    await both.same(command('queue', ...ids), admin)
    await eventually('the images in both caches', 30, inBoth(ids))
    match((await both.same(command('list'), admin)).stdout, new RegExp(`${ids[0]}[^]*${ids[1]}`))
    await both.same(command('delete', ids[0] ?? ''), admin)
    deepEqual(await both.names(), [ids.slice(1), ids.slice(1)])
    for (const target of [['--queue'], ['--cache'], []]) await both.same(command('clear', ...target), admin)
    deepEqual(await both.names(), [[], []])
  })
})
