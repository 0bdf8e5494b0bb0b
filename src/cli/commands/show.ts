import type { Command } from '../command.ts'
import { member, number, text } from '../json-value.ts'
import { askOwnOfImage } from '../own-api.ts'
import { bytes, utc } from '../quantities.ts'
import { table } from '../table.ts'
import { progress } from './list-incomplete.ts'
import { fetcher, nextAttempt } from './list-queued.ts'

export const show: Command = {
  name: 'show',
  summary: 'Show all that is known of an image',
  takes: 'one-id',
  action: 'show the image',
  async run(session) {
    const [id = ''] = session.ids
    const answer = await askOwnOfImage(session.client(), 'GET', id)
    if (answer === undefined) {
      session.say(`Image ${id} is neither cached, nor on its way, nor queued.`)
      return false
    }
    if (session.json) session.print(JSON.stringify(answer))
    else
      session.print(
        table(
          [
            { title: 'Field', align: 'left' },
            { title: 'Value', align: 'left' },
          ],
          rowsOf(answer),
        ),
      )
    return true
  },
}

function rowsOf(image: unknown): string[][] {
  const [cached, incomplete, queued, invalid] = ['cached', 'incomplete', 'queued', 'invalid'].map((part) =>
    member(image, part),
  )
  return [
    ['id', text(image, 'id') ?? ''],
    ['state', text(image, 'state') ?? ''],
    ...(cached === undefined ? [] : cachedRows(cached)),
    ...(incomplete === undefined ? [] : incompleteRows(incomplete)),
    ...(queued === undefined ? [] : queuedRows(queued)),
    ...(invalid === undefined ? [] : [['invalid copy', sized(invalid, 'size')]]),
  ]
}

function cachedRows(image: unknown): string[][] {
  const algorithm = text(image, 'os_hash_algo')
  const digests = [
    ['md5', text(image, 'md5')],
    [algorithm ?? 'hash', text(image, 'os_hash_value')],
  ] as const
  return [
    ['size', sized(image, 'size')],
    ['hits', String(number(image, 'hits') ?? 0)],
    ['last accessed', time(image, 'accessed_at')],
    ['last modified', time(image, 'modified_at')],
    ['pinned', member(image, 'pinned') === true ? 'yes' : 'no'],
    ['verified', number(image, 'verified_at') === undefined ? 'not yet' : time(image, 'verified_at')],
    ...digests.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  ]
}

function incompleteRows(image: unknown): string[][] {
  const { received, size, done, rate, left } = progress(image)
  const optional = [
    ['rate', rate],
    ['time left', left],
    ['readers', String(number(image, 'readers') ?? '')],
    ['resumes', String(number(image, 'resumes') ?? '')],
  ]
  return [
    ['received', size === '' ? received : `${received} of ${size} (${done})`],
    ['received by', owners[text(image, 'owner') ?? ''] ?? ''],
    ...optional.filter(([, value]) => value !== ''),
  ]
}

const owners: Readonly<Record<string, string>> = {
  here: 'this server',
  elsewhere: 'another process',
  left: 'nobody: left to be resumed',
}

function queuedRows(image: unknown): string[][] {
  const reason = text(image, 'reason')
  return [
    ['queued', time(image, 'queued_at')],
    ['fetched by', fetcher(image)],
    ['attempts', String(number(image, 'attempts') ?? 0)],
    ...(nextAttempt(image) === '' ? [] : [['next attempt', nextAttempt(image)]]),
    ...(reason === undefined ? [] : [['reason', reason]]),
  ]
}

function sized(value: unknown, name: string): string {
  const size = number(value, name) ?? 0
  return size < 1024 ? `${size} B` : `${size} (${bytes(size)})`
}

/** UTC. */
function time(value: unknown, name: string): string {
  const ms = number(value, name) ?? 0
  return ms === 0 ? 'N/A' : utc(ms)
}
