import type { Command, Session } from '../command.ts'
import { list, number, text } from '../json-value.ts'
import { askOwn } from '../own-api.ts'
import { utc, utcOfSeconds } from '../quantities.ts'
import { type Column, table } from '../table.ts'

const columns: readonly Column[] = [
  { title: 'ID' },
  { title: 'Last Accessed (UTC)' },
  { title: 'Last Modified (UTC)' },
  { title: 'Size', align: 'right' },
  { title: 'Hits', align: 'right' },
]

export const listCached: Command = {
  name: 'list-cached',
  summary: 'List all images currently cached',
  takes: 'nothing',
  action: 'show cached images',
  async run(session) {
    const isLong = session.arguments.has('long')
    const answer = isLong
      ? await askOwn(session.client(), 'GET', '/images')
      : await session.client().ask('GET', '/v2/cached_images')
    const images = list(answer, isLong ? 'images' : 'cached_images')
    if (session.json) session.print(JSON.stringify(answer))
    else if (images.length === 0) session.print('No cached images.')
    else if (isLong) show(session, [...columns, { title: 'Pinned' }, { title: 'Verified (UTC)' }], images.map(longRow))
    else show(session, columns, images.map(row))
    return true
  },
}

function show({ print }: Session, titles: readonly Column[], rows: readonly string[][]): void {
  print(`Found ${rows.length} cached images...`)
  print(table(titles, rows))
}

function row(image: unknown): string[] {
  const accessed = number(image, 'last_accessed') ?? 0
  return [
    text(image, 'image_id') ?? '',
    accessed === 0 ? 'N/A' : utcOfSeconds(accessed),
    utcOfSeconds(number(image, 'last_modified') ?? Number.NaN),
    String(number(image, 'size') ?? ''),
    String(number(image, 'hits') ?? ''),
  ]
}

function longRow(image: unknown): string[] {
  const time = (name: string) => {
    const ms = number(image, name) ?? 0
    return ms === 0 ? 'N/A' : utc(ms)
  }
  return [
    text(image, 'id') ?? '',
    time('accessed_at'),
    time('modified_at'),
    String(number(image, 'size') ?? ''),
    String(number(image, 'hits') ?? ''),
    Reflect.get(Object(image), 'pinned') === true ? 'yes' : '',
    number(image, 'verified_at') === undefined ? 'not yet' : time('verified_at'),
  ]
}
