import { type Chooser, type Disk, diskAfter } from './disk-after.ts'
import type { Inode, Recording } from './recording.ts'

/**
 * How to make every disk that there may be after a power cut at `cut`, as far as the files of images, their records and
 * the database are concerned, and with the bytes of one file there or not there together. None when they are more than
 * `most`.
 */
export function everyDisk(recording: Recording, cut: number, most: number): Array<() => Disk> {
  const answers: Array<{ value: number; most: number }> = []
  const disks: Array<() => Disk> = []
  for (;;) {
    let asked = 0
    const answer = (most: number): number => {
      const known = answers[asked++]
      if (known !== undefined) return known.value
      answers.push({ value: 0, most })
      return 0
    }
    diskAfter(recording, cut, enumerating(answer))
    // Made when its turn comes: all of them together are much memory.
    disks.push(again(recording, cut, answers))
    if (disks.length > most) return []
    // Counts up: the last question that has another answer gets it, and what was asked after it is asked anew.
    for (let last = answers.at(-1); last !== undefined && last.value === last.most; last = answers.at(-1)) answers.pop()
    const last = answers.at(-1)
    if (last === undefined) return disks
    last.value++
  }
}

function again(recording: Recording, cut: number, answers: ReadonlyArray<Readonly<{ value: number }>>): () => Disk {
  const given = answers.map(({ value }) => value)
  return () => {
    let asked = 0
    return diskAfter(
      recording,
      cut,
      enumerating(() => given[asked++] ?? 0),
    )
  }
}

function enumerating(answer: (most: number) => number): Chooser {
  const bytes = new Map<Inode, boolean>()
  const isThere = (inode: Inode) => {
    const known = bytes.get(inode) ?? answer(1) === 1
    bytes.set(inode, known)
    return known
  }
  return {
    blockBytes: 4096,
    // Locks and our own name are made anew where they are missing; they are not worth a disk each.
    name: ({ path }) => (isOfImages(path) ? answer(1) === 1 : true),
    block: (inode, _block, most) => (isThere(inode) ? most : 0),
    size: (_inode, most) => (answer(1) === 1 ? most : 0),
    attribute: (inode, _name, most) => (isThere(inode) ? most : 0),
    unwritten: (_inode, length) => Buffer.alloc(length),
  }
}

const isOfImages = (path: string): boolean => !path.startsWith('.afterimage/') || path.startsWith('.afterimage/fills/')
