import type { Command } from '../command.ts'
import { list, member, number, text } from '../json-value.ts'
import { askOwn } from '../own-api.ts'
import { utc } from '../quantities.ts'
import { table } from '../table.ts'

export const listQueued: Command = {
  name: 'list-queued',
  summary: 'List all images currently queued for caching',
  takes: 'nothing',
  action: 'show queued images',
  async run(session) {
    const isLong = session.arguments.has('long')
    const answer = isLong
      ? await askOwn(session.client(), 'GET', '/queue')
      : await session.client().ask('GET', '/v2/queued_images')
    const images = list(answer, isLong ? 'queue' : 'queued_images')
    if (session.json) session.print(JSON.stringify(answer))
    else if (images.length === 0) session.print('No queued images.')
    else {
      session.print(`Found ${images.length} queued images...`)
      session.print(
        isLong
          ? longTable(images)
          : table(
              [{ title: 'ID' }],
              images.map((id) => [String(id)]),
            ),
      )
    }
    return true
  },
}

function longTable(images: readonly unknown[]): string {
  const titles = ['ID', 'Queued (UTC)', 'Fetched by', 'Attempts', 'Next Attempt (UTC)', 'Reason']
  const rows = images.map((image) => [
    text(image, 'id') ?? '',
    utc(number(image, 'queued_at') ?? Number.NaN),
    fetcher(image),
    String(number(image, 'attempts') ?? 0),
    nextAttempt(image),
    text(image, 'reason') ?? '',
  ])
  return table(
    titles.map((title) => (title === 'Reason' ? { title, align: 'left' } : { title })),
    rows,
  )
}

/** Who fetches a queued image: the server by itself, or the prefetcher when it is run. */
export function fetcher(image: unknown): string {
  return member(image, 'immediate') === true ? 'server' : 'prefetcher'
}

/** When a queued image that failed is tried again. */
export function nextAttempt(image: unknown): string {
  const retryAt = number(image, 'retry_at')
  if (retryAt !== undefined) return utc(retryAt)
  return (number(image, 'attempts') ?? 0) > 0 ? 'given up' : ''
}
