import { type Found, type ImageBytes, ImageUnacceptable, safeSize } from './image-bytes.ts'

/** The header's fields that matter, at their places in QEMU's docs/interop/qcow2.rst. All numbers are big-endian. */
const at = {
  version: 4,
  backingFileOffset: 8,
  clusterBits: 20,
  size: 24,
  cryptMethod: 32,
  l1Size: 36,
  l1TableOffset: 40,
  incompatibleFeatures: 72,
  headerLength: 100,
} as const

const headerBytes = { 2: 72, 3: 104 } as const

/** By bit: what a reader must know of to read the image at all. */
const feature = { dirty: 0, corrupt: 1, externalData: 2, compressionType: 3, extendedL2: 4 } as const
const known = Object.values(feature).reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n)

/** Header extensions, each a type and a length, then its data, padded to 8 bytes. */
const extension = { end: 0, backingFormat: 0xe2792aca, externalDataName: 0x44415441 } as const

/**
 * QCOW2 of version 2 or 3 that stands alone: no backing file, no external data file (CVE-2024-32498), no feature that is
 * unknown here, no encryption.
 */
export async function lookForQcow2(bytes: ImageBytes): Promise<Found | undefined> {
  const start = await bytes.read(0, 64 << 10)
  if (start.toString('latin1', 0, 4) !== 'QFI\xfb') return undefined
  if (start.length < headerBytes[2]) throw new ImageUnacceptable('the qcow2 header is cut off')
  const version = start.readUInt32BE(at.version)
  if (version !== 2 && version !== 3)
    throw new ImageUnacceptable(`qcow version ${version} is not accepted, only 2 and 3 are`)
  if (start.length < headerBytes[version]) throw new ImageUnacceptable('the qcow2 header is cut off')
  if (start.readBigUInt64BE(at.backingFileOffset) !== 0n) {
    throw new ImageUnacceptable('the qcow2 image has a backing file; it must stand alone')
  }
  if (start.readUInt32BE(at.cryptMethod) !== 0) throw new ImageUnacceptable('the qcow2 image is encrypted')
  if (version === 3) checkFeatures(start.readBigUInt64BE(at.incompatibleFeatures))
  checkExtensions(start, version === 3 ? start.readUInt32BE(at.headerLength) : headerBytes[2])
  const virtualSize = safeSize(start.readBigUInt64BE(at.size), 'the qcow2 image: a virtual size')
  checkTable(start, bytes.size, virtualSize, version === 3 ? start.readBigUInt64BE(at.incompatibleFeatures) : 0n)
  return { format: 'qcow2', virtualSize }
}

function checkFeatures(features: bigint): void {
  const has = (bit: number) => (features & (1n << BigInt(bit))) !== 0n
  if (has(feature.externalData)) throw new ImageUnacceptable('the qcow2 image keeps its data in another file')
  if (has(feature.corrupt)) throw new ImageUnacceptable('the qcow2 image is marked as corrupt')
  const unknown = features & ~known
  if (unknown !== 0n) throw new ImageUnacceptable(`the qcow2 image has unknown features (0x${unknown.toString(16)})`)
}

function checkExtensions(start: Buffer, from: number): void {
  let position = from
  while (position + 8 <= start.length) {
    const type = start.readUInt32BE(position)
    const length = start.readUInt32BE(position + 4)
    if (type === extension.end) return
    if (type === extension.externalDataName) throw new ImageUnacceptable('the qcow2 header names an external data file')
    if (type === extension.backingFormat)
      throw new ImageUnacceptable('the qcow2 header names the format of a backing file')
    position += 8 + Math.ceil(length / 8) * 8
  }
  throw new ImageUnacceptable('the extensions of the qcow2 header have no end')
}

/** A table that is too large or lies outside would have qemu-img take memory for nothing. */
function checkTable(start: Buffer, imageSize: number, virtualSize: number, features: bigint): void {
  const clusterBits = start.readUInt32BE(at.clusterBits)
  if (clusterBits < 9 || clusterBits > 21)
    throw new ImageUnacceptable(`qcow2 clusters of 2^${clusterBits} bytes are not valid`)
  const entryBytes = (features & (1n << BigInt(feature.extendedL2))) === 0n ? 8 : 16
  const coveredByEntry = 2 ** clusterBits * (2 ** clusterBits / entryBytes)
  const entries = start.readUInt32BE(at.l1Size)
  const end = start.readBigUInt64BE(at.l1TableOffset) + BigInt(entries) * 8n
  if (entries * coveredByEntry < virtualSize)
    throw new ImageUnacceptable('the qcow2 table is too short for the virtual size')
  if (end > BigInt(imageSize)) throw new ImageUnacceptable('the qcow2 table lies outside of the image')
}
