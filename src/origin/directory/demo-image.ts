import { bootSector, bootSectorBytes } from './boot-sector.ts'

/** The README prints it. */
export const demoImageId = 'de300000-0000-4000-8000-000000000001'

export const demoFileName = 'demo.img'

/** Fixed, like the image itself: a demo image made anywhere is the same to every cache. */
export const demoTime = new Date('2026-01-01T00:00:00Z')

/** What the sidecar of the demo image says. */
export const demoRecord = {
  id: demoImageId,
  name: 'demo',
  disk_format: 'raw',
  min_disk: 1,
  tags: ['demo'],
  description: 'Made by Afterimage to try it with. A BIOS that boots it prints one line and stops.',
}

const demoBytes = 16 << 20

/** A raw disk of 16 MiB that boots to one line of text; every other sector is filled with its own number. */
export function demoImage(): Buffer {
  const disk = Buffer.alloc(demoBytes)
  for (let sector = 1; sector < demoBytes / bootSectorBytes; sector++) {
    const line = `Afterimage demo image, sector ${String(sector).padStart(5, '0')} of 32768\n`
    disk.fill(line, sector * bootSectorBytes, (sector + 1) * bootSectorBytes)
  }
  bootSector('Afterimage demo image. It works; there is nothing more on this disk.\r\n').copy(disk)
  return disk
}
