import { type Area, areas, type Line, type SeenLine } from './seen.ts'

const titles: Record<Area, readonly [title: string, what: string]> = {
  disk: [
    'The disk fails, or the process is killed at one operation',
    'Each operation on a file of the cache is made to fail in turn, or the process is killed at it, until a run has none left to break. Then the server starts again on what is there.',
  ],
  power: [
    'The power goes',
    'The system calls of a commit are recorded. What a disk may hold after a power cut is made from them, in the orders that the calls to fsync leave open, and the server starts on each.',
  ],
  kill: [
    'The process is killed at a random moment',
    'Under mixed load, again and again, with kill -9, with SIGTERM and while the clock jumps. What every client got and what is on disk is compared with what was promised.',
  ],
  upstream: ['The image store misbehaves', 'A store of our own breaks its answers at exact bytes.'],
  client: ['The client misbehaves', 'Raw connections, and random input for each parser of ours.'],
  authority: [
    'Who may read',
    'Callers × states of an image × states of the cache, before a real Glance: the answer is the one that Glance alone gives.',
  ],
  'long-run': ['Time', 'Bounded mixed load; what must stay flat is measured all the time.'],
}

const intro = `# What happens when something breaks

What is promised: a client never receives a wrong image that looks complete; what was committed is never lost or damaged; a fault in the cache never fails a download that the image store could have served; and nobody reads what the store would not give them. This page is what tests have seen of that: each row is one fault at one step. It is written by \`npm run faults -- --write\`, which runs all of them; \`npm run faults -- --sample\` runs a part of each and fails when a row is not on this page. A part that has no section here has not been run whole yet.

Not kept yet: where the store has sent wrong bytes and, before the last ones, the server that received them ends, clients that follow its download through another server on the same directory get those last bytes from the store, and what they have looks complete.
`

type Row = Readonly<{ step: string; fault: string; client: string; disk: string; drivers: string; tests: string }>

/** docs/faults.md: what a whole run of `ran` has told, and the other sections as they stand in the `old` text. */
export function faultsDocument(lines: readonly Line[], ran: readonly Area[], old: string): string {
  const sections = areas.map((area) => (ran.includes(area) ? section(area, lines) : oldSection(area, old)))
  const counts = sections.map((text) => Number(/^([0-9]+) cases\.$/m.exec(text)?.[1] ?? 0))
  const total = counts.reduce((sum, count) => sum + count, 0)
  const all = `In all ${total} distinct cases (fault × step × driver) ran clean.\n`
  return [intro, all, ...sections.filter((text) => text !== '')].join('\n')
}

function oldSection(area: Area, old: string): string {
  const [, ...sections] = old.split(/^(?=## )/m)
  return (
    sections
      .find((text) => text.startsWith(`## ${titles[area][0]}\n`))
      ?.trimEnd()
      .concat('\n') ?? ''
  )
}

/** Distinct cases: fault × step × driver. */
export const countCases = (seen: readonly SeenLine[]): number =>
  new Set(seen.map(({ area, fault, step, driver }) => JSON.stringify([area, fault, step, driver]))).size

/**
 * Rows that `document` does not have: what was seen is no longer what is written. An area that has no section there has
 * not been run whole yet.
 */
export function missingRows(lines: readonly Line[], document: string): string[] {
  const written = document.split('\n')
  return areas
    .filter((area) => document.includes(`\n## ${titles[area][0]}\n`))
    .flatMap((area) => lines.filter((line) => line.kind === 'seen' && line.area === area))
    .filter((line) => line.kind === 'seen')
    .filter((line) => !written.some((candidate) => holds(candidate, line)))
    .map((line) => cells([line.step, line.fault, line.client, line.disk, line.driver]))
}

function holds(written: string, { step, fault, client, disk, driver }: SeenLine): boolean {
  if (!written.startsWith(cells([step, fault, client, disk]).slice(0, -1))) return false
  return driver === 'any' || written.includes(`| ${driver} |`) || written.includes('| both |')
}

function section(area: Area, lines: readonly Line[]): string {
  const [title, what] = titles[area]
  const figures = lines.filter((line) => line.kind === 'figure').filter((line) => line.area === area)
  const rows = rowsOf(lines.filter((line) => line.kind === 'seen').filter((line) => line.area === area))
  const count = countCases(lines.filter((line) => line.kind === 'seen').filter((line) => line.area === area))
  const parts = [`## ${title}\n`, `${what}\n`, `${count} cases.\n`]
  if (figures.length > 0) {
    parts.push(cells(['figure', 'value']), cells(['---', '---']))
    const values = new Map(figures.map(({ name, value }) => [name, value]))
    parts.push(...[...values].map(([name, value]) => cells([name, value])), '')
  }
  if (rows.length > 0) {
    parts.push(cells(['step', 'fault', 'the client gets', 'on disk', 'drivers', 'test']))
    parts.push(cells(['---', '---', '---', '---', '---', '---']))
    parts.push(...rows.map((row) => cells([row.step, row.fault, row.client, row.disk, row.drivers, row.tests])), '')
  }
  return parts.join('\n')
}

/** One row for what came out the same with each driver. */
function rowsOf(seen: readonly SeenLine[]): Row[] {
  const groups = Map.groupBy(seen, ({ step, fault, client, disk }) => JSON.stringify([step, fault, client, disk]))
  const rows = [...groups.values()].map((same): Row => {
    const [{ step, fault, client, disk }] = same as [SeenLine, ...SeenLine[]]
    const drivers = [...new Set(same.map(({ driver }) => driver))].filter((driver) => driver !== 'any')
    const tests = [...new Set(same.map(({ test }) => test.replace(/^test\/faults\//, '')))].sort().join(', ')
    return { step, fault, client, disk, drivers: drivers.length === 2 ? 'both' : (drivers[0] ?? 'any'), tests }
  })
  return rows.sort((a, b) => a.step.localeCompare(b.step, 'en') || a.fault.localeCompare(b.fault, 'en'))
}

const cells = (values: readonly string[]): string =>
  `| ${values.map((value) => value.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
