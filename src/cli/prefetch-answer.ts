import type { Readable } from 'node:stream'
import type { PrefetchEvent, PrefetchSummary } from '../management/prefetch-events.ts'
import { member, number, text } from './json-value.ts'

const states = ['started', 'progress', 'cached', 'failed'] as const

/**
 * The events that a server tells, a JSON object on each line. Rejects when what comes is something else, or ends
 * without the summary.
 */
export async function* readPrefetchAnswer(answer: Readable): AsyncGenerator<PrefetchEvent | PrefetchSummary, void> {
  try {
    for await (const line of linesOf(answer)) {
      const event = readLine(line)
      yield event
      if ('done' in event) return
    }
  } catch (cause) {
    if (cause instanceof Unexpected) throw cause
    throw new Error('the server broke off', { cause })
  }
  throw new Error('the server broke off')
}

async function* linesOf(answer: Readable): AsyncGenerator<string, void> {
  let rest = ''
  for await (const chunk of answer.setEncoding('utf8')) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

/** What a server says that is no prefetcher of ours. */
class Unexpected extends Error {
  constructor(line: string) {
    super(`the server says something unexpected: ${JSON.stringify(line.slice(0, 100))}`)
  }
}

function readLine(line: string): PrefetchEvent | PrefetchSummary {
  const value = parse(line)
  const [cached, failed] = [number(value, 'cached'), number(value, 'failed')]
  if (member(value, 'done') === true && cached !== undefined && failed !== undefined) {
    return { done: true, cached, failed }
  }
  const image = text(value, 'image')
  const state = states.find((known) => known === text(value, 'state'))
  if (image === undefined || state === undefined) throw new Unexpected(line)
  return {
    image,
    state,
    received: number(value, 'received') ?? 0,
    size: number(value, 'size'),
    reason: text(value, 'reason'),
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    // Said by whoever looks for what it should hold.
    return undefined
  }
}
