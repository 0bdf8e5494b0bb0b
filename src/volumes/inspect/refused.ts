import { type ImageBytes, ImageUnacceptable } from './image-bytes.ts'

/** Formats that are known by their marks so that they can be refused by name: nobody opens them as something else. */
const marks: ReadonlyArray<readonly [name: string, offset: number, mark: string]> = [
  ['vhdx', 0, 'vhdxfile'],
  ['vdi', 64, '\x7f\x10\xda\xbe'],
  ['qed', 0, 'QED\0'],
  ['luks', 0, 'LUKS\xba\xbe'],
  ['parallels', 0, 'WithoutFreeSpace'],
  ['parallels', 0, 'WithouFreSpacExt'],
  ['bochs', 0, 'Bochs Virtual HD Image\0'],
  ['cloop', 0, '#!/bin/sh\n#V2.0 Format\nmodprobe cloop'],
  ['vmdk of version 3 of a server', 0, 'COWD'],
]

/** Throws ImageUnacceptable when the image is of a format that is never accepted. */
export async function refuseOthers(bytes: ImageBytes): Promise<void> {
  const start = await bytes.read(0, 128)
  for (const [name, offset, mark] of marks) {
    if (start.toString('latin1', offset, offset + mark.length) === mark)
      throw new ImageUnacceptable(`${name} images are not accepted`)
  }
  const end = await bytes.read(Math.max(0, bytes.size - 512), 4)
  if (bytes.size >= 512 && end.toString('latin1') === 'koly') throw new ImageUnacceptable('dmg images are not accepted')
}
