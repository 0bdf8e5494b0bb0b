import { extname } from 'node:path'

/** What the first bytes and the name of an image tell. */
export type DiskFormat = Readonly<{ diskFormat: string; virtualSize: number | undefined }>

/** Bytes from the start that `guessDiskFormat` wants to see: ISO 9660 has its mark at 32769. */
export const sniffedBytes = 40 << 10

/** Glance's words (`disk_format`) for the marks that formats have at a fixed place. */
const marks: ReadonlyArray<readonly [diskFormat: string, offset: number, mark: string]> = [
  ['qcow2', 0, 'QFI\xfb'],
  ['vmdk', 0, 'KDMV'],
  ['vmdk', 0, '# Disk DescriptorFile'],
  ['vhdx', 0, 'vhdxfile'],
  ['vhd', 0, 'conectix'],
  ['vdi', 64, '\x7f\x10\xda\xbe'],
  ['ploop', 0, 'WithoutFreeSpace'],
  ['ploop', 0, 'WithouFreSpacExt'],
  ['iso', 32769, 'CD001'],
]

/** Extensions that say more than the lack of a mark; a fixed-size vhd has its mark at the end only. */
const extensions = new Set(['qcow2', 'vmdk', 'vhdx', 'vhd', 'vdi', 'ploop', 'iso', 'ami', 'ari', 'aki'])

/**
 * The bytes decide, then the name, else it is raw. A file named `.raw` stays raw whatever it begins with: a guest can
 * write a qcow2 header to its disk, and whoever believed that would open the files it names.
 */
export function guessDiskFormat(fileName: string, size: number, start: Buffer): DiskFormat {
  const extension = extname(fileName).slice(1).toLowerCase()
  const raw = { diskFormat: 'raw', virtualSize: size }
  if (extension === 'raw') return raw
  const marked = marks.find(([, at, mark]) => start.subarray(at, at + mark.length).toString('latin1') === mark)?.[0]
  if (marked === 'qcow2') return { diskFormat: 'qcow2', virtualSize: qcow2Size(start) }
  if (marked === 'iso') return { diskFormat: 'iso', virtualSize: size }
  if (marked !== undefined) return { diskFormat: marked, virtualSize: undefined }
  return extensions.has(extension) ? { diskFormat: extension, virtualSize: undefined } : raw
}

/** Big-endian, at byte 24 of every version's header. */
function qcow2Size(start: Buffer): number | undefined {
  if (start.length < 32) return undefined
  const size = Number(start.readBigUInt64BE(24))
  return Number.isSafeInteger(size) ? size : undefined
}
