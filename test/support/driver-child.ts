import { once } from 'node:events'
import { openDriver } from '../../drivers/index.ts'
import { commitImage, longAgo } from './driver-scene.ts'

/**
 * A process of its own that uses a driver: `node driver-child.ts <driver> <dir> <task> [count]`. Tells its parent what
 * the driver has resolved, one message each, before it goes on.
 */
const [name = '', dir = '', task = '', count = '0'] = process.argv.slice(2)

const tell = (message: string) =>
  new Promise<void>((resolve, reject) => {
    process.send?.(message, undefined, undefined, (error: Error | null) => (error ? reject(error) : resolve()))
  })

const driver = await openDriver(name, { dir, sqliteDb: 'cache.db' })

if (task === 'touch') {
  await tell('ready')
  await once(process, 'message')
  process.disconnect()
  await Promise.all(Array.from({ length: Number(count) }, () => driver.touch('image', longAgo)))
  await driver[Symbol.asyncDispose]()
} else {
  // Until it is killed.
  for (let n = 0; ; n++) {
    await commitImage({ driver, dir }, `image-${n}`)
    await tell(`admitted image-${n}`)
    await Promise.all([driver.touch(`image-${n}`, longAgo), driver.touch('image-0', longAgo)])
    await tell('touched image-0')
    await driver.pin(`image-${n}`, true)
    await tell(`pinned image-${n}`)
  }
}
