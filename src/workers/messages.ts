import type { Config } from '../config/config.ts'
import type { Notice } from './place.ts'

/** What a worker needs to begin. The configuration is that of the primary: a file that was edited since counts later. */
export type Begin = Readonly<{
  number: number
  count: number
  config: Config
  /** `group.option` of those that nobody has set. */
  defaults: readonly string[]
}>

/** From the primary to a worker. */
export type ToWorker =
  | Readonly<{ kind: 'begin'; begin: Begin }>
  /** Another worker asks; `call` is to be given back with the answer. */
  | Readonly<{ kind: 'asked'; call: number; notice: Notice }>
  /** To what it asked itself. */
  | Readonly<{ kind: 'answers'; call: number; answers: readonly unknown[] }>
  /** Let downloads finish, and exit. */
  | Readonly<{ kind: 'end' }>

/** From a worker to the primary. */
export type ToPrimary =
  /** It listens for messages now. */
  | Readonly<{ kind: 'hello' }>
  /** It serves. `facts` are for the log. */
  | Readonly<{ kind: 'ready'; facts: Readonly<Record<string, unknown>> }>
  /** It cannot serve, and exits. */
  | Readonly<{ kind: 'failed'; message: string }>
  | Readonly<{ kind: 'ask'; call: number; notice: Notice }>
  | Readonly<{ kind: 'answer'; call: number; answer: unknown }>

type Fields = ReadonlyMap<string, unknown>

/** undefined for what is none of these: other modules may use the same channel. */
export function readToWorker(message: unknown): ToWorker | undefined {
  const fields = fieldsOf(message)
  const [kind, call] = [fields.get('kind'), fields.get('call')]
  // What it holds was checked when the primary read it from files that it trusts as little.
  if (kind === 'begin') return { kind, begin: fields.get('begin') as Begin }
  if (kind === 'end') return { kind }
  if (typeof call !== 'number') return undefined
  const answers = fields.get('answers')
  if (kind === 'answers' && Array.isArray(answers)) return { kind, call, answers }
  const notice = readNotice(fieldsOf(fields.get('notice')))
  return kind === 'asked' && notice !== undefined ? { kind, call, notice } : undefined
}

/** The same for the other direction. */
export function readToPrimary(message: unknown): ToPrimary | undefined {
  const fields = fieldsOf(message)
  const [kind, call] = [fields.get('kind'), fields.get('call')]
  if (kind === 'hello') return { kind }
  if (kind === 'ready') return { kind, facts: Object.fromEntries(fieldsOf(fields.get('facts'))) }
  if (kind === 'failed') return { kind, message: String(fields.get('message')) }
  if (typeof call !== 'number') return undefined
  if (kind === 'answer') return { kind, call, answer: fields.get('answer') }
  const notice = readNotice(fieldsOf(fields.get('notice')))
  return kind === 'ask' && notice !== undefined ? { kind, call, notice } : undefined
}

function readNotice(fields: Fields): Notice | undefined {
  const [what, id, key] = [fields.get('what'), fields.get('id'), fields.get('key')]
  if (what === 'metrics') return { what }
  if (what === 'condemned') return typeof key === 'string' ? { what, key } : undefined
  const isOfImage = what === 'changed' || what === 'deleted' || what === 'wanted'
  return isOfImage && typeof id === 'string' ? { what, id } : undefined
}

const fieldsOf = (value: unknown): Fields =>
  new Map(typeof value === 'object' && value !== null ? Object.entries(value) : [])
