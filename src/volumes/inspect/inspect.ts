import { type AcceptedFormat, type Found, type ImageBytes, ImageUnacceptable, type Look } from './image-bytes.ts'
import { lookForIso } from './iso.ts'
import { hasPartitions } from './partitions.ts'
import { lookForQcow2 } from './qcow2.ts'
import { refuseOthers } from './refused.ts'
import { lookForVhd } from './vhd.ts'
import { lookForVmdk } from './vmdk.ts'

const looks: readonly Look[] = [lookForQcow2, lookForVmdk, lookForVhd, lookForIso]

/** What Glance's `disk_format` says the bytes must be. */
const declared: Readonly<Record<string, readonly AcceptedFormat[]>> = {
  raw: ['raw'],
  qcow2: ['qcow2'],
  vmdk: ['vmdk'],
  vhd: ['vpc'],
  iso: ['iso'],
  // The parts of an Amazon image are bytes as they are.
  ami: ['raw'],
  ari: ['raw'],
  aki: ['raw'],
}

/**
 * What an image is, by its own bytes, before any other program opens it. Refuses with ImageUnacceptable what names other
 * files or cannot be understood, what is not as declared in `disk_format` (CVE-2024-40767), and what looks like more than
 * one format at once: two programs could read it differently.
 */
export async function inspect(bytes: ImageBytes, diskFormat: string | undefined): Promise<Found> {
  const expected = diskFormat === undefined ? undefined : declared[diskFormat]
  if (expected === undefined)
    throw new ImageUnacceptable(`images of disk_format ${diskFormat ?? '(none)'} are not accepted`)
  await refuseOthers(bytes)
  const matches: Found[] = []
  for (const look of looks) {
    const found = await look(bytes)
    if (found !== undefined) matches.push(found)
  }
  if (matches.length > 1) {
    throw new ImageUnacceptable(`the image looks like ${matches.map(({ format }) => format).join(' and ')} at once`)
  }
  // A disc that also boots from a stick has both, by design.
  if (matches[0] !== undefined && matches[0].format !== 'iso' && (await hasPartitions(bytes))) {
    throw new ImageUnacceptable(`the image looks like ${matches[0].format} and a partitioned disk at once`)
  }
  const found = matches[0] ?? { format: 'raw', virtualSize: bytes.size }
  if (!expected.includes(found.format)) {
    throw new ImageUnacceptable(`the image is declared as ${diskFormat}, but its bytes are ${found.format}`)
  }
  return found
}
