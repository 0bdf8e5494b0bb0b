import { ImageUnacceptable } from './image-bytes.ts'

const acceptedTypes = ['monolithicSparse', 'streamOptimized']

/** Lines that say nothing of files. `parentCID` of all ones is that of a disk without a parent. */
const harmless = [
  /^#/,
  /^version=\d+$/,
  /^encoding="[\w-]+"$/,
  /^CID=[0-9a-f]{1,8}$/i,
  /^parentCID=ffffffff$/i,
  /^isNativeSnapshot="(?:no|yes)"$/,
  /^ddb\.[\w.]+ *= *"[^"]*"$/,
]

/**
 * Reads a vmdk's embedded descriptor line by line. Throws ImageUnacceptable for every line that is not known: what a
 * program makes of it cannot be known either.
 */
export function checkVmdkDescriptor(text: string): void {
  let type: string | undefined
  let extents = 0
  for (const line of text.split(/\r?\n/).map((whole) => whole.trim())) {
    if (line === '' || harmless.some((pattern) => pattern.test(line))) continue
    const named = /^createType *= *"([^"]*)"$/.exec(line)?.[1]
    if (named !== undefined) {
      if (type !== undefined) throw new ImageUnacceptable('the vmdk descriptor names two types')
      type = named
    } else if (/^(?:RW|RDONLY) \d+ SPARSE "[^"/\\]+"$/.test(line)) extents++
    else if (/^(?:RW|RDONLY|NOACCESS) /.test(line))
      throw new ImageUnacceptable('the vmdk image has its data in another file')
    else if (/^parent/i.test(line)) throw new ImageUnacceptable('the vmdk image has a parent; it must stand alone')
    else
      throw new ImageUnacceptable(
        `the vmdk descriptor has a line that is not known: ${JSON.stringify(line.slice(0, 80))}`,
      )
  }
  if (type === undefined) throw new ImageUnacceptable('the vmdk descriptor names no type')
  if (!acceptedTypes.includes(type)) {
    throw new ImageUnacceptable(
      `vmdk images of type ${JSON.stringify(type)} are not accepted, only ${acceptedTypes.join(' and ')} are`,
    )
  }
  if (extents !== 1) throw new ImageUnacceptable(`the vmdk descriptor lists ${extents} extents where one is needed`)
}
