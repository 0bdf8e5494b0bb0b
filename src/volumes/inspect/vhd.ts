import { type Found, type ImageBytes, ImageUnacceptable, safeSize } from './image-bytes.ts'

const footerBytes = 512

/** The footer's fields that matter. All numbers are big-endian. */
const at = { dataOffset: 16, currentSize: 48, diskType: 60 } as const

const diskType = { fixed: 2, dynamic: 3, differencing: 4 } as const

/**
 * The fields of the header that follows a dynamic disk's footer: a parent would be a file on the host, by up to eight
 * locators.
 */
const dynamic = { bytes: 1024, parentTime: 56, locators: 576, locatorBytes: 24, locatorCount: 8 } as const

/** VHD (qemu-img: vpc), fixed or dynamic: the fixed one has its mark at the end only, the dynamic one at both ends. */
export async function lookForVhd(bytes: ImageBytes): Promise<Found | undefined> {
  const first = await bytes.read(0, footerBytes)
  const last = await bytes.read(Math.max(0, bytes.size - footerBytes), footerBytes)
  const footer = [first, last].find(isFooter)
  if (footer === undefined) return undefined
  const type = footer.readUInt32BE(at.diskType)
  if (type === diskType.differencing) throw new ImageUnacceptable('the vhd image is a difference to another one')
  if (type !== diskType.fixed && type !== diskType.dynamic)
    throw new ImageUnacceptable(`vhd disk type ${type} is not known`)
  if (type === diskType.dynamic) {
    if (!isFooter(first)) throw new ImageUnacceptable('the dynamic vhd image does not begin with its footer')
    await checkDynamic(bytes, footer.readBigUInt64BE(at.dataOffset))
  }
  // By which of two fields the size goes depends on the program that made it: qemu-img knows them.
  safeSize(footer.readBigUInt64BE(at.currentSize), 'the vhd image: a virtual size')
  return { format: 'vpc', virtualSize: undefined }
}

const isFooter = (sector: Buffer) => sector.length === footerBytes && sector.toString('latin1', 0, 8) === 'conectix'

async function checkDynamic(bytes: ImageBytes, offset: bigint): Promise<void> {
  const header = await bytes.read(Number(offset), dynamic.bytes)
  if (header.length < dynamic.bytes || header.toString('latin1', 0, 8) !== 'cxsparse') {
    throw new ImageUnacceptable('the dynamic vhd image has no header where its footer says')
  }
  for (let index = 0; index < dynamic.locatorCount; index++) {
    const locator = dynamic.locators + index * dynamic.locatorBytes
    if (header.readUInt32BE(locator) !== 0) throw new ImageUnacceptable('the vhd image names a parent')
  }
}
