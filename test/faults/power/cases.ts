import type { SeededRandom } from '../../support/seeded-random.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { isSample, sample, seed } from '../matrix/sample.ts'
import { chooserOf, type FaultKind, faults } from './choosers.ts'
import { type Disk, diskAfter } from './disk-after.ts'
import { everyDisk } from './every-disk.ts'
import type { Inode, Recording } from './recording.ts'
import type { Step } from './steps.ts'
import type { Recorded } from './tape.ts'

/** One disk after one power cut. */
export type PowerCase = Readonly<{ step: Step; fault: FaultKind; cut: number; disk(): Disk }>

/** Disks of one place are all tried when they are no more than this. */
const few = 16

/**
 * `count` cases and no fewer than one for each step and fault: what is left of each step when nothing, everything or
 * one kind of what was not synced is on disk; all disks where they are few; and random ones.
 */
export function casesOf({ recording }: Recorded, steps: readonly Step[], count: number): PowerCase[] {
  const random = seededRandom(seed * 104_729)
  const kinds = Object.keys(faults).filter((kind): kind is FaultKind => kind in faults)
  const images = imagesOf(recording)
  const isImage = (inode: Inode) => images.has(inode)
  const one = (step: Step, fault: FaultKind): PowerCase => {
    const cut = random.pick(step.cuts)
    const own = random.between(1, 2 ** 30)
    return { step, fault, cut, disk: () => diskAfter(recording, cut, chooserOf(fault, seededRandom(own), isImage)) }
  }
  const cases = steps.flatMap((step) => kinds.map((kind) => one(step, kind)))
  for (const step of steps) {
    const cut = step.cuts.at(-1) ?? 0
    const all = everyDisk(recording, cut, few)
    cases.push(...all.map((disk): PowerCase => ({ step, fault: 'any', cut, disk })))
  }
  while (cases.length < count) cases.push(one(stepFor(steps, random), 'any'))
  return cases
}

/** The files of images, under whatever name. */
function imagesOf({ names }: Recording): Set<Inode> {
  const claimed = names.filter(({ path }) => path.startsWith('incomplete/'))
  return new Set(claimed.flatMap(({ edits }) => edits[0].inode ?? []))
}

/** One in two of a commit: that is where order matters most. */
function stepFor(steps: readonly Step[], random: SeededRandom): Step {
  const ofFills = steps.filter(({ words }) => /fill/.test(words))
  return random.pick(ofFills.length > 0 && random.pick([true, false]) ? ofFills : steps)
}

/** All of them, or in a sampled run `count`: of those that one protection each depends on, one, and others. */
export function sampled(cases: readonly PowerCase[], count: number): PowerCase[] {
  if (!isSample) return [...cases]
  const chosen = telling.flatMap((wanted) => cases.find(wanted) ?? [])
  const rest = cases.filter((one) => !chosen.includes(one))
  return [...chosen, ...sample(rest, Math.max(0, count - chosen.length))]
}

const telling: ReadonlyArray<(one: PowerCase) => boolean> = [
  // The file is synced before its name and its facts can be there.
  ({ step, fault }) => step.words === 'fill: it is renamed' && fault === 'images',
  // The directory, before it is told that the image is cached.
  ({ step, fault }) => step.words === 'hit: begun' && fault === 'lost',
  // The facts: without them it would not be a hit.
  ({ step, fault }) => step.words === 'deletion: begun' && fault === 'lost',
  // What the record calls synced is; and nothing else is gone on with.
  ({ step, fault }) => step.words === 'large fill, half: a part of it is synced' && fault === 'images',
  ({ step, fault }) => step.words === 'large fill, half: a part of it is synced' && fault === 'kept',
]
