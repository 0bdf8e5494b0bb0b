import type { ImageBytes } from './image-bytes.ts'

const table = { offset: 446, entries: 4, entryBytes: 16, signature: 510 } as const

/**
 * A partition table of a PC (MBR, or the protective one before a GPT) where a raw disk has it. In an image of another
 * format its place belongs to the header: whoever put one there wants it to be taken for two things.
 */
export async function hasPartitions(bytes: ImageBytes): Promise<boolean> {
  const start = await bytes.read(0, 1024)
  if (start.length < 512 || start.readUInt16LE(table.signature) !== 0xaa55) return false
  const entries = Array.from({ length: table.entries }, (_, index) =>
    start.subarray(table.offset + index * table.entryBytes, table.offset + (index + 1) * table.entryBytes),
  )
  const areValid = entries.every((entry) => entry[0] === 0 || entry[0] === 0x80)
  return areValid && entries.some((entry) => entry[4] !== 0)
}
