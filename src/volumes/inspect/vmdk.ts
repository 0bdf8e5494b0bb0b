import { type Found, type ImageBytes, ImageUnacceptable, safeSize } from './image-bytes.ts'
import { checkVmdkDescriptor } from './vmdk-descriptor.ts'

const sectorBytes = 512

/** The sparse extent header's fields that matter (VMware's Virtual Disk Format 5.0). All numbers are little-endian. */
const at = { version: 4, capacity: 12, descriptorOffset: 28, descriptorSize: 36, gdOffset: 56 } as const

/** In place of the grain directory's offset: it is in a second header, the footer, at the end. */
const gdAtEnd = 0xffff_ffff_ffff_ffffn

const footerMarker = 3

/** qemu-img reads so much of a descriptor, whatever the header says of its size. */
const leastDescriptorBytes = 20 * sectorBytes
const mostDescriptorBytes = 1 << 20

/**
 * VMDK with its descriptor inside: monolithicSparse or streamOptimized, one extent, which is the file itself
 * (CVE-2022-47951). A descriptor alone is a list of files on the host, and refused.
 */
export async function lookForVmdk(bytes: ImageBytes): Promise<Found | undefined> {
  const header = await bytes.read(0, sectorBytes)
  if (isDescriptorAlone(header))
    throw new ImageUnacceptable('the vmdk image is a mere descriptor, which names other files')
  if (header.toString('latin1', 0, 4) !== 'KDMV') return undefined
  if (header.length < sectorBytes) throw new ImageUnacceptable('the vmdk header is cut off')
  const version = header.readUInt32LE(at.version)
  if (version < 1 || version > 3) throw new ImageUnacceptable(`vmdk version ${version} is not known`)
  const capacity = header.readBigUInt64LE(at.capacity)
  // qemu-img takes such a file for a descriptor, and opens what that names.
  if (capacity === 0n) throw new ImageUnacceptable('the vmdk header has no capacity')
  if (header.readBigUInt64LE(at.gdOffset) === gdAtEnd) await checkFooter(bytes, header)
  await checkVmdkDescriptor(await descriptorOf(bytes, header))
  return { format: 'vmdk', virtualSize: safeSize(capacity * BigInt(sectorBytes), 'the vmdk image: a virtual size') }
}

/** As qemu-img looks for it: comments and empty lines, then the version. */
function isDescriptorAlone(start: Buffer): boolean {
  const text = start.toString('latin1')
  return /^# Disk DescriptorFile/i.test(text) || /^(?:(?:#[^\n]*| *)\r?\n)*version=\d/.test(text)
}

/** It must say the same as the header, but for where the directory is: qemu-img believes the footer. */
async function checkFooter(bytes: ImageBytes, header: Buffer): Promise<void> {
  const end = await bytes.read(bytes.size - 3 * sectorBytes, 3 * sectorBytes)
  const [marker, footer, last] = [0, 1, 2].map((n) => end.subarray(n * sectorBytes, (n + 1) * sectorBytes))
  if (marker === undefined || footer === undefined || last?.length !== sectorBytes) {
    throw new ImageUnacceptable('the vmdk image is too short for the footer that it announces')
  }
  const isMarked =
    marker.readUInt32LE(8) === 0 && marker.readUInt32LE(12) === footerMarker && last.readUInt32LE(12) === 0
  const isSame = header.subarray(0, at.gdOffset).equals(footer.subarray(0, at.gdOffset))
  const isSameRest = header.subarray(at.gdOffset + 8).equals(footer.subarray(at.gdOffset + 8))
  if (!isMarked || !isSame || !isSameRest || footer.readBigUInt64LE(at.gdOffset) === gdAtEnd) {
    throw new ImageUnacceptable("the vmdk image's footer contradicts its header")
  }
}

async function descriptorOf(bytes: ImageBytes, header: Buffer): Promise<string> {
  const offset = header.readBigUInt64LE(at.descriptorOffset) * BigInt(sectorBytes)
  const size = header.readBigUInt64LE(at.descriptorSize) * BigInt(sectorBytes)
  if (offset === 0n || size === 0n) throw new ImageUnacceptable('the vmdk image has no descriptor')
  if (size > BigInt(mostDescriptorBytes))
    throw new ImageUnacceptable(`the vmdk descriptor of ${size} bytes is too large`)
  if (offset + size > BigInt(bytes.size)) throw new ImageUnacceptable('the vmdk descriptor lies outside of the image')
  const found = await bytes.read(Number(offset), Math.max(Number(size), leastDescriptorBytes))
  const text = found.toString('latin1')
  const end = text.indexOf('\0')
  return end === -1 ? text : text.slice(0, end)
}
