import type { Change, Edit, Inode, NameChange, Recording } from './recording.ts'

/**
 * Decides what of the effects that nothing has forced to the disk is there after a power cut. Each answer is how many
 * of `most` successive effects on one thing are there: the first ones, since the later include the earlier.
 */
export interface Chooser {
  /** Is this name there as it was changed last? Only asked when what it needs is there. */
  name(change: NameChange): boolean
  /** Of the writes to one block. */
  block(inode: Inode, block: number, most: number): number
  /** Of the changes of the length. */
  size(inode: Inode, most: number): number
  /** Of the changes of one attribute, or of the times. */
  attribute(inode: Inode, name: string, most: number): number
  /** What a block within the file's length holds that was never written to the disk. */
  unwritten(inode: Inode, bytes: number): Buffer
  /** What is written to the disk as a whole (bytes): a page of the cache, or a sector when the write was torn. */
  readonly blockBytes: 4096 | 512
}

export type FileOnDisk = Readonly<{
  inode: Inode
  size: number
  /** By position; what is not there is zero. */
  blocks: ReadonlyMap<number, Buffer>
  attributes: ReadonlyMap<string, Buffer>
  times: Readonly<{ accessed: number; modified: number }> | undefined
}>

/** By path. */
export type Disk = Readonly<{ directories: readonly string[]; files: ReadonlyMap<string, FileOnDisk> }>

/**
 * What is on disk when the power goes at `cut`, a place in the order of all calls. What POSIX promises and no more:
 * fsync of a file is about its bytes, length, attributes and times, fdatasync about the first two, fsync of a directory
 * about its names. A rename is one step, and is forced by the directory that it leads to.
 */
export function diskAfter(recording: Recording, cut: number, chooser: Chooser): Disk {
  const entries = namesAfter(recording, cut, chooser)
  const directories: string[] = []
  const files = new Map<string, FileOnDisk>()
  const known = new Map<Inode, FileOnDisk>()
  const walk = (directory: Inode, path: string) => {
    for (const [name, inode] of entries.get(directory) ?? []) {
      if (inode.isDirectory) {
        directories.push(path + name)
        walk(inode, `${path}${name}/`)
      } else {
        const file = known.get(inode) ?? fileAfter(inode, cut, chooser)
        known.set(inode, file)
        files.set(path + name, file)
      }
    }
  }
  walk(recording.root, '')
  return { directories, files }
}

/** Whether a sync that has returned by `cut` began after `change` had ended. */
const isForced = (change: Readonly<{ end: number }>, inode: Inode, cut: number, whole: boolean): boolean =>
  inode.syncs.some(({ start, end, isWhole }) => start > change.end && end <= cut && (isWhole || !whole))

function namesAfter(recording: Recording, cut: number, chooser: Chooser): Map<Inode, Map<string, Inode>> {
  const made = recording.names.filter(({ start }) => start <= cut)
  const forced = new Set<NameChange>()
  const needed = new Set<string>()
  for (const change of made.toReversed()) {
    const keys = change.edits.map(keyOf)
    if (!isForced(change, change.edits[0].directory, cut, false) && !keys.some((key) => needed.has(key))) continue
    forced.add(change)
    for (const key of keys) needed.add(key)
  }
  const lost = new Set<string>()
  const entries = new Map<Inode, Map<string, Inode>>()
  for (const change of made) {
    const keys = change.edits.map(keyOf)
    const canBe = !keys.some((key) => lost.has(key))
    if (!forced.has(change) && !(canBe && chooser.name(change))) {
      for (const key of keys) lost.add(key)
      continue
    }
    for (const { directory, name, inode } of change.edits) {
      const names = entries.get(directory) ?? new Map<string, Inode>()
      if (inode === undefined) names.delete(name)
      else names.set(name, inode)
      entries.set(directory, names)
    }
  }
  return entries
}

const keyOf = ({ directory, name }: Edit): string => `${directory.number}/${name}`

function fileAfter(inode: Inode, cut: number, chooser: Chooser): FileOnDisk {
  const made = inode.changes.filter(({ start }) => start <= cut)
  const isData = ({ kind }: Change) => kind === 'write' || kind === 'size'
  const forced = (change: Change) => isForced(change, inode, cut, !isData(change))
  const data = made.filter(isData)
  const first = data.findIndex((change) => !forced(change))
  const [sure, open] = first < 0 ? [data, []] : [data.slice(0, first), data.slice(first)]
  const { blocks, size } = bytesAfter(inode, sure, open, chooser)

  const attributes = new Map<string, Buffer>()
  const others = Map.groupBy(
    made.filter((change) => change.kind === 'attribute'),
    ({ name }) => name,
  )
  for (const [name, changes] of others) {
    const there = chosen(changes, forced, (most) => chooser.attribute(inode, name, most))
    if (there?.value !== undefined) attributes.set(name, there.value)
  }
  const times = chosen(
    made.filter((change) => change.kind === 'times'),
    forced,
    (most) => chooser.attribute(inode, 'times', most),
  )
  return { inode, size, blocks, attributes, times }
}

/** The last of those that are there. */
function chosen<C extends Change>(
  changes: readonly C[],
  forced: (change: C) => boolean,
  choose: (most: number) => number,
): C | undefined {
  const sure = changes.findLastIndex(forced) + 1
  const most = changes.length - sure
  return changes[sure + (most > 0 ? choose(most) : 0) - 1]
}

function bytesAfter(inode: Inode, sure: readonly Change[], open: readonly Change[], chooser: Chooser) {
  const { blockBytes } = chooser
  const blocks = new Map<number, Buffer>()
  const sizes = [0]
  const asked = new Map<number, { left: number }>()
  for (const change of sure) {
    for (const block of blocksOf(change, blockBytes, sizes.at(-1) ?? 0)) apply(change, block, blocks, blockBytes)
    sizes.push(sizeAfter(change, sizes.at(-1) ?? 0))
  }
  const surely = sizes.length - 1
  const touched = new Map<number, number>()
  let size = sizes.at(-1) ?? 0
  for (const change of open) {
    for (const block of blocksOf(change, blockBytes, size)) touched.set(block, (touched.get(block) ?? 0) + 1)
    size = sizeAfter(change, size)
    sizes.push(size)
  }
  for (const [block, most] of touched) asked.set(block, { left: chooser.block(inode, block, most) })
  size = sizes[surely] ?? 0
  for (const change of open) {
    for (const block of blocksOf(change, blockBytes, size)) {
      const answer = asked.get(block)
      if (answer === undefined || answer.left === 0) continue
      answer.left--
      apply(change, block, blocks, blockBytes)
    }
    size = sizeAfter(change, size)
  }
  const different = sizes.slice(surely).filter((size, index, all) => index === 0 || size !== all[index - 1])
  const most = different.length - 1
  const length = different[most > 0 ? chooser.size(inode, most) : 0] ?? 0
  for (const block of touched.keys()) {
    const within = Math.min(blockBytes, length - block * blockBytes)
    if (within > 0 && !blocks.has(block)) blocks.set(block, chooser.unwritten(inode, within))
  }
  return { size: length, blocks: placed(blocks, length, blockBytes) }
}

const sizeAfter = (change: Change, size: number): number =>
  change.kind === 'size'
    ? change.size
    : change.kind === 'write'
      ? Math.max(size, change.at + change.bytes.length)
      : size

/** Those that a change touches; of a shorter length what it takes away, of a longer one nothing. */
function* blocksOf(change: Change, blockBytes: number, size: number): Generator<number> {
  const [start, end] =
    change.kind === 'write' ? [change.at, change.at + change.bytes.length] : [sizeAfter(change, size), size]
  for (let block = Math.floor(start / blockBytes); block * blockBytes < end; block++) yield block
}

function apply(change: Change, block: number, blocks: Map<number, Buffer>, blockBytes: number): void {
  const at = block * blockBytes
  const bytes = blocks.get(block) ?? Buffer.alloc(blockBytes)
  const next = Buffer.from(bytes)
  if (change.kind === 'size') next.fill(0, Math.max(0, change.size - at))
  if (change.kind === 'write') {
    const from = Math.max(at, change.at)
    const to = Math.min(at + blockBytes, change.at + change.bytes.length)
    change.bytes.copy(next, from - at, from - change.at, to - change.at)
  }
  blocks.set(block, next)
}

function placed(blocks: ReadonlyMap<number, Buffer>, size: number, blockBytes: number): Map<number, Buffer> {
  const inside = [...blocks].filter(([block]) => block * blockBytes < size)
  return new Map(inside.map(([block, bytes]) => [block * blockBytes, bytes.subarray(0, size - block * blockBytes)]))
}
