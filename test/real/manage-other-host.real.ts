import { deepEqual, equal, match } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Ended } from './command.ts'
import { download } from './download.ts'
import { eventually } from './eventually.ts'
import { createImage, filePath } from './images.ts'
import { tokenOf } from './keystone.ts'
import { imageNames } from './manage-both.ts'
import { type OtherHost, startOtherHost } from './namespace.ts'
import { addressOf, manageProgram } from './programs.ts'
import { type RunningProxy, startProxy } from './proxy.ts'

// From another host, which reaches nothing but our address on the cable: Keystone cannot be asked for a token there.
describe('from another host', () => {
  const running = new AsyncDisposableStack()
  let other: OtherHost
  let proxy: RunningProxy
  let token: string
  let id: string
  before(async () => {
    other = running.use(await startOtherHost())
    proxy = running.use(await startProxy({ host: other.here }))
    token = await tokenOf('admin')
    id = (await createImage(token, 2_000_000)).id
  })
  after(() => running.disposeAsync())

  const clients = {
    'glance-cache-manage': ['glance-cache-manage'],
    'afterimage-cache-manage': [process.execPath, manageProgram],
  } as const

  for (const [name, [command, ...first]] of Object.entries(clients)) {
    const manage = (args: readonly string[], input = ''): Promise<Ended> =>
      other.run(command, [...first, ...addressOf(proxy.url), `--os-auth-token=${token}`, ...args], { input })

    test(`${name} --host=ADDRESS queue-image, list-queued, delete-queued-image`, async () => {
      const asked = await manage(['queue-image', id], 'y\n')
      deepEqual([asked.status, asked.stdout, asked.stderr], [0, `Queue image ${id} for caching? [y/N] `, ''])
      deepEqual(await imageNames(join(proxy.cacheDir, 'queue')), [id])
      match((await manage(['list-queued'])).stdout, new RegExp(`^Found 1 queued images\\.\\.\\.\\n[^]*\\| ${id} \\|`))
      equal((await manage(['--force', 'delete-queued-image', id])).status, 0)
      deepEqual(await imageNames(join(proxy.cacheDir, 'queue')), [])
    })

    test(`${name} --host=ADDRESS list-cached, delete-cached-image`, async () => {
      equal((await manage(['list-cached'])).stdout, 'No cached images.\n')
      await download(proxy.url + filePath(id), { token })
      await eventually('the committed image', 10, async () => existsSync(join(proxy.cacheDir, id)))
      match((await manage(['list-cached'])).stdout, new RegExp(`^Found 1 cached images\\.\\.\\.\\n[^]*\\| ${id} \\|`))
      const kept = await manage(['delete-cached-image', id], 'n\n')
      deepEqual([kept.status, kept.stdout], [0, `Delete cached image ${id}? [y/N] `])
      deepEqual(await imageNames(proxy.cacheDir), [id])
      equal((await manage(['delete-cached-image', id], 'yes\n')).status, 0)
      deepEqual(await imageNames(proxy.cacheDir), [])
    })

    test(`${name} of somebody who may not`, async () => {
      const bob = await tokenOf('bob')
      const address = addressOf(proxy.url)
      const args = [...first, ...address, `--os-auth-token=${bob}`, '--force', 'queue-image', id]
      const { status, stdout } = await other.run(command, args)
      equal(status, 1)
      equal(stdout, 'Not authorized to make this request.\n')
      deepEqual(await imageNames(join(proxy.cacheDir, 'queue')), [])
    })
  }
})
