import type { SeededRandom } from '../../support/seeded-random.ts'
import type { Chooser } from './disk-after.ts'
import type { Inode } from './recording.ts'

/** What a power cut leaves of everything that was not forced to the disk. */
export const faults = {
  lost: 'the power goes: what was not synced is lost',
  kept: 'the power goes: everything is on disk',
  names: 'the power goes: names, lengths and attributes without the bytes',
  images: 'the power goes: everything but the bytes of images is on disk',
  bytes: 'the power goes: bytes without names, lengths and attributes',
  any: 'the power goes: any part of it is on disk, torn at sectors',
} as const
export type FaultKind = keyof typeof faults

const shares = {
  lost: [false, false],
  kept: [true, true],
  names: [true, false],
  images: [true, undefined],
  bytes: [false, true],
} as const

/** Of its own for each case: what it answers depends on nothing but the seed and the order of the questions. */
export function chooserOf(kind: FaultKind, random: SeededRandom, isImage: (inode: Inode) => boolean): Chooser {
  if (kind === 'any') return anything(random)
  const [names, bytes] = shares[kind]
  const all = (is: boolean | undefined, most: number) => (is === true ? most : 0)
  // XFS and ext4 give zeros for what did not come to the disk; without journalling it is what lay there before.
  const leavesGarbage = random.pick([true, false])
  return {
    blockBytes: 4096,
    name: () => names === true,
    block: (inode, _block, most) => all(kind === 'images' ? !isImage(inode) : bytes, most),
    size: (_inode, most) => all(names, most),
    attribute: (_inode, _name, most) => all(names, most),
    unwritten: (_inode, length) => remains(length, leavesGarbage),
  }
}

/**
 * Each effect for itself, but not evenly: on a real disk most of what is old enough is there, so each case has its own
 * share, and one file in four is whole or not there at all.
 */
function anything(random: SeededRandom): Chooser {
  const share = random.pick([10, 50, 90])
  const isThere = () => random.between(1, 100) <= share
  const shares = new Map<Inode, number>()
  const shareOf = (inode: Inode) => {
    const known = shares.get(inode) ?? random.pick([0, share, share, share, share, 50, 100, 100])
    shares.set(inode, known)
    return known
  }
  const some = (inode: Inode, most: number) =>
    random.between(1, 100) <= shareOf(inode) ? random.between(1, most) : random.between(0, most - 1)
  return {
    blockBytes: random.pick([512, 4096]),
    name: () => isThere(),
    block: (inode, _block, most) => some(inode, most),
    size: (inode, most) => some(inode, most),
    attribute: (inode, _name, most) => some(inode, most),
    unwritten: (_inode, length) => remains(length, random.pick([true, false])),
  }
}

const remains = (length: number, isGarbage: boolean): Buffer =>
  isGarbage ? Buffer.alloc(length, 'what lay here before\n') : Buffer.alloc(length)
