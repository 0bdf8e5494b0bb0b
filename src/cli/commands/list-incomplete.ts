import type { Command } from '../command.ts'
import { list, number, text } from '../json-value.ts'
import { askOwn } from '../own-api.ts'
import { bytes, duration } from '../quantities.ts'
import { type Column, table } from '../table.ts'

const columns: readonly Column[] = [
  { title: 'ID' },
  { title: 'State', align: 'left' },
  { title: 'Received', align: 'right' },
  { title: 'Size', align: 'right' },
  { title: 'Done', align: 'right' },
  { title: 'Rate', align: 'right' },
  { title: 'Time left', align: 'right' },
  { title: 'Readers', align: 'right' },
  { title: 'Resumes', align: 'right' },
]

const states: Readonly<Record<string, string>> = {
  here: 'arriving',
  elsewhere: 'arriving, another process',
  left: 'left over',
}

export const listIncomplete: Command = {
  name: 'list-incomplete',
  summary: 'List all images on their way into the cache: bytes, rate, time left, readers, resumes',
  takes: 'nothing',
  action: 'show incomplete images',
  async run(session) {
    const answer = await askOwn(session.client(), 'GET', '/incomplete')
    const images = list(answer, 'incomplete')
    if (session.json) session.print(JSON.stringify(answer))
    else if (images.length === 0) session.print('No incomplete images.')
    else {
      session.print(`Found ${images.length} incomplete images...`)
      session.print(table(columns, images.map(incompleteRow)))
    }
    return true
  },
}

/** An incomplete image in the order of the columns; what is not known is empty. */
function incompleteRow(image: unknown): string[] {
  const owner = text(image, 'owner') ?? ''
  const { received, size, done, rate, left } = progress(image)
  return [
    text(image, 'id') ?? '',
    states[owner] ?? owner,
    received,
    size,
    done,
    rate,
    left,
    String(number(image, 'readers') ?? ''),
    String(number(image, 'resumes') ?? ''),
  ]
}

/** How far an incomplete image is, in words. */
export function progress(image: unknown) {
  const received = number(image, 'received') ?? 0
  const [size, rate] = [number(image, 'size'), number(image, 'bytes_per_second')]
  return {
    received: bytes(received),
    size: size === undefined ? '' : bytes(size),
    done: size === undefined ? '' : `${size === 0 ? 100 : Math.floor((received / size) * 100)}%`,
    rate: rate === undefined ? '' : `${bytes(Math.round(rate))}/s`,
    left: size === undefined || rate === undefined || rate <= 0 ? '' : duration((size - received) / rate),
  }
}
