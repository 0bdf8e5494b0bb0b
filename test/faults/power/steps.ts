import assert from 'node:assert/strict'
import type { Inode, NameChange, Recording, Span } from './recording.ts'
import type { Phase, Recorded, World } from './tape.ts'

/** Where the power may go: after what, and what holds there. */
export type Step = Readonly<{
  /** What had been done last. */
  words: string
  /** Places at which something had just been done. */
  cuts: readonly number[]
  world: World
  /** The image that it was about. */
  id: string | undefined
  /** Images that somebody may rely on: it was told that they are cached. */
  promised: readonly string[]
}>

type Milestone = Readonly<{ words: string; at: number }>

/** The recording in steps that come in the same order in every run, whatever else goes on beside them. */
export function stepsOf(recorded: Recorded): Step[] {
  const { recording, phases } = recorded
  const places = placesOf(recording)
  const steps: Step[] = []
  for (const [index, phase] of phases.entries()) {
    const to = phases[index + 1]?.from ?? Number.POSITIVE_INFINITY
    const marks = [{ words: `${phase.words}: begun`, at: phase.from }, ...milestones(recorded, phase, to)]
    for (const [nth, { words, at }] of marks.entries()) {
      const end = marks[nth + 1]?.at ?? to
      assert(end >= at, `${words} comes before ${marks[nth + 1]?.words}`)
      const cuts = places.filter((place) => place >= at && place < end)
      const promised = promisedAt(recorded, index, at)
      if (cuts.length > 0) steps.push({ words, cuts, world: phase.world, id: phase.id, promised })
    }
  }
  return steps
}

/** Ends of everything that changes what a disk may hold or must hold. */
function placesOf({ names, inodes }: Recording): number[] {
  const spans: Span[] = [...names, ...inodes.flatMap(({ changes, syncs }) => [...changes, ...syncs])]
  return [...new Set(spans.map(({ end }) => end).filter(Number.isFinite))].sort((a, b) => a - b)
}

/** Told, and not taken back by what the phase is about. */
function promisedAt({ recording, phases }: Recorded, index: number, at: number): string[] {
  const lines = recording.told.filter(({ end }) => end <= at)
  const gone = new Map(
    phases.slice(0, index + 1).flatMap(({ words, id, from }) => (takesAway.test(words) && id ? [[id, from]] : [])),
  )
  const evicted = lines.filter(({ line }) => line.includes('"msg":"evicted"'))
  const told = lines.filter(({ line }) => line.includes('"outcome":"committed"'))
  const ids = told.flatMap(({ line, end }) => {
    const id = idIn(line)
    const isGone = (gone.get(id) ?? 0) > end || evicted.some((other) => idIn(other.line) === id && other.end > end)
    return isGone ? [] : [id]
  })
  return [...new Set(ids)]
}

const takesAway = /^(deletion|eviction)/
const idIn = (line: string): string => /"image":"([^"]+)"/.exec(line)?.[1] ?? ''

function milestones(recorded: Recorded, phase: Phase, to: number): Milestone[] {
  const { recording } = recorded
  const { words, id, from } = phase
  if (id === undefined) return []
  const within = ({ start, end }: Span) => start >= from && end < to
  const removal = (path: string) =>
    recording.names.find((change) => change.path === path && change.edits[0].inode === undefined && within(change))
  if (words.startsWith('wrong bytes')) {
    const aside = recording.names.find((change) => change.path === `invalid/${id}` && within(change))
    assert(aside !== undefined, 'wrong bytes are set aside')
    return [{ words: `${words}: set aside`, at: aside.end }]
  }
  if (takesAway.test(words)) {
    const unlinked = removal(id)
    assert(unlinked !== undefined, `${words} unlinks the image`)
    return [{ words: `${words}: unlinked`, at: unlinked.end }]
  }
  if (/half$/.test(words)) return partSynced(recorded, phase, within)
  if (!/fill$/.test(words)) return []
  return fillSteps(recorded, phase, within)
}

/** From when on the record says that a part of it would outlive a power cut. */
function partSynced({ recording }: Recorded, { words, id }: Phase, within: (span: Span) => boolean): Milestone[] {
  const record = recording.names.find(({ path }) => path === `.afterimage/fills/${id}`)?.edits[0].inode
  const said = record?.changes.find(
    (change) => within(change) && change.kind === 'write' && /^\d+ [1-9]/.test(change.bytes.toString('latin1')),
  )
  assert(said !== undefined, `${words}: a part is synced`)
  return [{ words: `${words}: a part of it is synced`, at: said.end }]
}

function fillSteps({ recording, driver }: Recorded, { words, id = '' }: Phase, within: (span: Span) => boolean) {
  const { names, root, told } = recording
  const marks: Milestone[] = []
  let last = 0
  const mark = (what: string, found: Span | undefined): void => {
    assert(found !== undefined, `${words}: ${what}`)
    last = found.end
    marks.push({ words: `${words}: ${what}`, at: found.end })
  }
  const next = <S extends Span>(spans: readonly S[]) => spans.find((span) => within(span) && span.start > last)
  const named = (path: string) => names.filter((change) => change.path === path)
  const made = (change: NameChange) => change.edits[0].inode !== undefined

  const renamed = named(id).filter((change) => made(change) && within(change))[0]
  const inode: Inode | undefined = renamed?.edits[0].inode
  assert(renamed !== undefined && inode !== undefined, `${words}: ${id} is renamed`)
  const claimed = named(`incomplete/${id}`).find((change) => made(change) && within(change))
  if (claimed !== undefined) mark('its place is claimed', claimed)
  mark('its record is there', next(named(`.afterimage/fills/${id}`).filter(made)))
  const changes = inode.changes.filter(within)
  const written = changes.findLast(({ kind, end }) => (kind === 'write' || kind === 'size') && end < renamed.start)
  if (written !== undefined) mark('all bytes are written', written)
  mark('its time is set', next(changes.filter(({ kind }) => kind === 'times')))
  const facts = driver === 'xattr' ? changes.filter((change) => change.kind === 'attribute') : logSyncs(recording)
  // Should a server leave out one of the next, it is cases that must show it, and not how they are made.
  const kept = next(facts)
  if (kept !== undefined) mark('its facts are kept', kept)
  const synced = next(inode.syncs.filter(({ end }) => end < renamed.start))
  if (synced !== undefined) mark('its file is synced', synced)
  mark('it is renamed', renamed)
  const durable = next(root.syncs)
  if (durable !== undefined) mark('the directory is synced', durable)
  mark('its record is removed', next(named(`.afterimage/fills/${id}`).filter((change) => !made(change))))
  const isTold = ({ line }: { line: string }) => line.includes(id) && line.includes('"outcome":"committed"')
  const saying = told.filter((span) => isTold(span) && within(span))[0]
  // What waited for other lines may be said later; then the next phase has it.
  if (saying !== undefined && saying.end > last) mark('it was told', saying)
  return marks
}

const isLog = ({ names }: Recording, inode: Inode): boolean =>
  names.some(({ path, edits }) => path === 'cache.db-wal' && edits[0].inode === inode)

/** Each life of the server may have a write-ahead log of its own. */
function logSyncs(recording: Recording): Span[] {
  return recording.inodes.filter((inode) => isLog(recording, inode)).flatMap(({ syncs }) => syncs)
}
