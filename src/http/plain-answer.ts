import type { ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import { answerShortly } from './short-answer.ts'

/** An answer of our own, in the plain form that Glance gives to clients that accept anything. */
export function answerPlainly(
  outgoing: ServerResponse,
  status: number,
  explanation: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = `${status} ${STATUS_CODES[status] ?? ''}\n\n${explanation}\n`
  answerShortly(outgoing, status, 'text/plain; charset=UTF-8', body, headers)
}
