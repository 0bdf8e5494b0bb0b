import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buildDrain } from './client/drain.ts'
import { makeImage } from './images.ts'
import type { Options } from './options.ts'
import { startStore } from './peers/nginx-store.ts'
import { openStack } from './peers/openstack.ts'
import { slowRate } from './rows/slow-readers.ts'
import type { Site } from './site.ts'

/** Makes the images and starts what all servers share; whatever it begins is put on `cleanup`. */
export async function buildSite(
  options: Options,
  interrupted: AbortSignal,
  cleanup: AsyncDisposableStack,
): Promise<Site> {
  const { quick } = options
  const dir = await mkdtemp(join(options.dir, 'afterimage-bench-'))
  cleanup.defer(() => rm(dir, { recursive: true, force: true }))
  const imageDir = join(dir, 'images')
  await mkdir(imageDir)
  const drain = await buildDrain(dir, interrupted)
  const large = await (quick ? makeImage(imageDir, '128 MiB', 128 * 2 ** 20) : makeImage(imageDir, '1 GiB', 2 ** 30))
  const small = await makeImage(imageDir, '64 KiB', 64 * 1024)
  const store = await startStore(join(dir, 'store'), { large, small }, slowRate(large.size, quick))
  cleanup.defer(() => store.stop())

  let stack: ReturnType<typeof openStack> | undefined
  cleanup.defer(async () => {
    // One that never came up has been reported where it was wanted.
    await (await stack?.catch(() => undefined))?.[Symbol.asyncDispose]()
  })
  const openstack = () => {
    stack ??= openStack(options.stack, [large, small])
    return stack
  }
  return { dir, quick, interrupted, large, small, drain, store, openstack }
}
