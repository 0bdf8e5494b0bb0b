import { readdir } from 'node:fs/promises'
import type { TestContext } from 'node:test'
import type { ImageEntry } from '../../drivers/driver.ts'
import { openDriver } from '../../drivers/index.ts'
import { openFiles } from '../../src/cache/files.ts'
import { openLayout } from '../../src/cache/layout.ts'
import { Space } from '../../src/cache/space.ts'
import { cleanup } from './cleanup.ts'
import { commitImage, longAgo } from './driver-scene.ts'
import { imageId } from './image-id.ts'
import type { DriverName } from './proxy.ts'
import { recordEvents } from './record-events.ts'
import { tempDir } from './temp-dir.ts'

/** A cache directory with a real driver and without a server: what the pruner and the cleaner work on. */
export async function openStoreScene(t: TestContext, driverName: DriverName, dir?: string) {
  const layout = await openLayout(dir ?? (await tempDir(t)))
  const files = openFiles(layout)
  const driver = await openDriver(driverName, { dir: layout.dir, sqliteDb: 'cache.db' })
  cleanup(t, () => driver[Symbol.asyncDispose]())
  const events = recordEvents()
  const space = new Space({ layout, files, driver, events, limit: 'soft', maxSize: 0, minFreeSpace: 0 })
  return {
    layout,
    files,
    driver,
    events,
    space,
    /** A committed image; the higher its number, the later it was used. Its file takes no real space. */
    async add(number: number, size: number, wishes: Partial<Omit<ImageEntry, 'id'>> = {}): Promise<string> {
      const id = imageId(number)
      await commitImage({ driver, dir: layout.dir }, id, { size, accessedAt: longAgo + number * 60_000, ...wishes })
      return id
    },
    /** Ids of the committed files. */
    cached: async () => (await readdir(layout.dir)).filter((name) => name.length === 36).sort(),
  }
}
