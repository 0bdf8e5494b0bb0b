import { spreadOf } from '../spread.ts'
import { type CacheTimes, manyImages } from './scale-cache.ts'
import { imageSize } from './scale-directory.ts'
import type { ServerTimes } from './scale-server.ts'

/** Everything that was measured with one driver and one number of images. */
export type Column = Readonly<{ driver: string; entries: number }> & ServerTimes & CacheTimes

type Line = readonly [what: string, times: (column: Column) => readonly number[]]

/** Milliseconds each. */
const lines: readonly Line[] = [
  ['server start, until it answers', ({ start }) => start],
  ['`GET /v2/cache`, to its last byte', ({ list }) => list],
  ['… another request waits meanwhile, at most', ({ waited }) => waited],
  ['`afterimage-cache-pruner --dry-run`', ({ dryRun }) => dryRun],
  ['look up and open a hit', ({ open }) => open],
  ['room for one image: evict 1', ({ evictOne }) => evictOne],
  [`room for ${manyImages} images in one go: evict ${manyImages}`, ({ evictMany }) => evictMany],
  ['commit one image', ({ commit }) => commit],
]

/** The page with the table, as Markdown. */
export function scaleDocument(columns: readonly Column[], machine: string, at: Date): string {
  const drivers = [...new Set(columns.map(({ driver }) => driver))]
  return [
    '# Scale',
    '',
    'What a cache of many images costs, in milliseconds: the median, and the longest in brackets. Written by',
    '',
    '```console',
    'npm run bench:scale -- --write',
    '```',
    '',
    `${machine}; ${at.toISOString()}.`,
    '',
    ...drivers.flatMap((driver) =>
      table(
        driver,
        columns.filter((column) => column.driver === driver),
      ),
    ),
    '## How it is measured',
    '',
    `Each directory has so many images of ${imageSize} bytes with all their metadata, in an order of use of their own. The first four lines are the programs as built: the server from its start to its first answer, which includes comparing metadata and disk; its list over one connection, several times (the longest is mostly the first after the start); the pruner's plan for half of the images. The others are measured in one process, opened as the server opens it, without HTTP and without the image store: what a hit or a miss asks of the cache itself. There the limit is hard and the directory full, so that each image that comes needs another's room: the sum of all images, the least recently used one, its lock, its metadata and its file, all under the lock for space. A commit contains its syncs to disk.`,
    '',
  ].join('\n')
}

function table(driver: string, columns: readonly Column[]): string[] {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const perSecond = ({ list, entries }: Column) => grouped((entries / spreadOf(list).median) * 1000)
  return [
    `## ${driver}`,
    '',
    row(['', ...columns.map(({ entries }) => `${grouped(entries)} images`)]),
    row(['---', ...columns.map(() => '---:')]),
    ...lines.map(([what, times]) => row([what, ...columns.map((column) => cell(times(column)))])),
    row(['entries listed per second', ...columns.map(perSecond)]),
    row(['server, peak RSS, MiB', ...columns.map(({ peakMiB }) => peakMiB.toFixed(0))]),
    '',
  ]
}

function cell(times: readonly number[]): string {
  const { median, most } = spreadOf(times)
  return `${digits(median)} (${digits(most)})`
}

const digits = (ms: number): string => ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0)

/** With a space after every three digits. */
const grouped = (value: number): string => value.toFixed(0).replace(/\B(?=(?:\d{3})+$)/g, ' ')
