import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buildDrain } from './client/drain.ts'
import { makeImage, sameBytes } from './images.ts'
import type { Options } from './options.ts'
import { startStore } from './peers/nginx-store.ts'
import { openStack } from './peers/openstack.ts'
import { slowSeconds } from './rows/slow-readers.ts'
import type { Images, Site } from './site.ts'

/** Makes the images and starts what all servers share; whatever it begins is put on `cleanup`. */
export async function buildSite(
  options: Options,
  interrupted: AbortSignal,
  cleanup: AsyncDisposableStack,
): Promise<Site> {
  const { quick } = options
  const dir = await mkdtemp(join(options.dir, 'afterimage-bench-'))
  cleanup.defer(() => rm(dir, { recursive: true, force: true }))
  // Squid, started by root, becomes a user of its own.
  await chmod(dir, 0o755)
  const imageDir = join(dir, 'images')
  await mkdir(imageDir)
  const drain = await buildDrain(dir, interrupted)
  const images = await makeImages(imageDir, options.sizeMiB)
  const store = await startStore(join(dir, 'store'), images, {
    paced: 100e6,
    trickle: Math.round(images.trickle.size / (slowSeconds(quick) * 1.5)),
  })
  cleanup.defer(() => store.stop())

  let stack: ReturnType<typeof openStack> | undefined
  cleanup.defer(async () => {
    // One that never came up has been reported where it was wanted.
    await (await stack?.catch(() => undefined))?.[Symbol.asyncDispose]()
  })
  const openstack = () => {
    stack ??= openStack(options.stack, [images.large, images.small])
    return stack
  }
  return { dir, quick, interrupted, images, drain, store, openstack }
}

async function makeImages(dir: string, sizeMiB: number): Promise<Images> {
  const make = (mib: number, dataShare?: number) => makeImage(dir, labelOf(mib), mib * 2 ** 20, dataShare)
  const large = await make(sizeMiB)
  return {
    large,
    small: await makeImage(dir, '64 KiB', 64 * 1024),
    other: sameBytes(large),
    paced: await make(sizeMiB / 4),
    trickle: sameBytes(large),
    sparse: await make(sizeMiB * 4, 1 / 64),
  }
}

const labelOf = (mib: number): string => (mib >= 1024 && mib % 1024 === 0 ? `${mib / 1024} GiB` : `${mib} MiB`)
